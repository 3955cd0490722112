// The service's states as they come, and the truth about whether they do.

const SILENT_AFTER_MS = 3000;
const AGAIN_AFTER_MS = 1000;

/**
 * Calls `onState` with each state and `onStream` with `live` or `lost` when that changes. Reconnects for ever: the
 * browser does so by itself after a broken connection, but not after a refusal.
 */
export function listen({ onState, onStream }) {
  let source, watch, stream;
  const is = (now) => {
    if (stream !== now) onStream((stream = now));
  };
  const silent = () => {
    is("lost");
    connect();
  };
  const expect = (ms) => {
    clearTimeout(watch);
    watch = setTimeout(silent, ms);
  };
  function connect() {
    source?.close();
    source = new EventSource("./events");
    source.addEventListener("state", (event) => {
      expect(SILENT_AFTER_MS);
      is("live");
      onState(JSON.parse(event.data));
    });
    source.addEventListener("error", () => {
      is("lost");
      expect(source.readyState === EventSource.CLOSED ? AGAIN_AFTER_MS : SILENT_AFTER_MS);
    });
    expect(SILENT_AFTER_MS);
  }
  connect();
}
