// How figures are written. What is not known is a dash, never a zero.

const NOT_KNOWN = "–";
const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const tenths = new Intl.NumberFormat("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const precise = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });
const cents = new Intl.NumberFormat("en", { minimumFractionDigits: 2, maximumFractionDigits: 3 });
const money = new Intl.NumberFormat("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 });

const unless = (value, written) => (value === null || value === undefined ? NOT_KNOWN : written(value));

export const count = (value) => unless(value, (n) => (n < 100_000 ? whole : short).format(n));
export const rate = (value) => unless(value, (n) => (n === 0 || n >= 10 ? count(n) : tenths.format(n)));
export const share = (value) => unless(value, (n) => precise.format(n));
export const dollars = (value) => unless(value, (n) => `$${(n < 1 ? cents : money).format(n)}`);
export const amount = (total, currency) => `${money.format(total)} ${currency}`;

/** Seconds, in the unit that suits them. */
export function duration(seconds) {
  return unless(seconds, (s) => {
    if (s < 0.001) return "< 1 ms";
    if (s < 0.9995) return `${Math.round(s * 1000)} ms`;
    if (s < 9.95) return `${tenths.format(s)} s`;
    if (s < 90) return `${Math.round(s)} s`;
    if (s < 5400) return `${Math.round(s / 60)} min`;
    if (s < 129_600) return `${Math.round(s / 3600)} h`;
    return `${Math.round(s / 86_400)} d`;
  });
}

/** From one time to another, in whole seconds or more; both as the service's clock has them. */
export function lapse(from, to) {
  const seconds = Math.max(0, Math.floor((Date.parse(to) - Date.parse(from)) / 1000));
  return seconds < 10 ? `${seconds} s` : duration(seconds);
}

export const ago = (time, now) => (Date.parse(now) - Date.parse(time) < 1000 ? "now" : `${lapse(time, now)} ago`);

export const clock = (time) => new Date(time).toLocaleTimeString("en-GB");

/** The part of an id that tells it from its neighbours: of a UUIDv7 the end. */
export const tail = (id) => `…${id.slice(-8)}`;
