// Questions and orders to the console's service. A refusal comes back in its own words.

export class Refusal extends Error {
  constructor(title, detail) {
    super(detail ? `${title}: ${detail}` : title);
  }
}

const PATIENCE_MS = 40_000;

async function request(path, options) {
  let answer;
  try {
    answer = await fetch(path, { ...options, signal: AbortSignal.timeout(PATIENCE_MS) });
  } catch (error) {
    throw error.name === "TimeoutError"
      ? new Refusal("No answer in time", "What was asked for may still happen")
      : new Refusal("The console’s service does not answer", "Is it running?");
  }
  const said = await answer.json().catch(() => ({}));
  if (answer.ok) return said;
  const faults = (said.errors ?? []).map((fault) => fault.detail).join(", ");
  throw new Refusal(said.title ?? `Refused with ${answer.status}`, [said.detail, faults].filter(Boolean).join(": "));
}

export const get = (path) => request(path, {});

export const post = (path, body) =>
  request(path, {
    method: "POST",
    ...(body && { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }),
  });

/**
 * Runs `work` for a button, once at a time. The button keeps the focus meanwhile, so it is not disabled but says that
 * it is. What is refused is told.
 */
export async function busy(button, work, tell) {
  if (button.getAttribute("aria-disabled") === "true") return;
  button.setAttribute("aria-disabled", "true");
  try {
    await work();
  } catch (refusal) {
    if (!(refusal instanceof Refusal)) throw refusal;
    tell(refusal.message, "bad");
  } finally {
    button.removeAttribute("aria-disabled");
  }
}
