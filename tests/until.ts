/** An agent that was cut off for a while waits about as long again before it tries, and machines may be busy. */
export const patienceMs = 180_000;

/** Waits until `check` is true; for what another process does. */
export async function until(
  what: string,
  check: () => boolean | Promise<boolean>,
  withinMs = patienceMs,
): Promise<void> {
  for (const end = Date.now() + withinMs; !(await check());) {
    if (Date.now() > end) throw new Error(`it did not come to this within ${withinMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
