//! Benchmarks only, see `benches/`.
