/** When to poll again. Pure. */
const minMs = 30_000;
const maxMs = 86_400_000;

/** The platform's wish in seconds, or the configured interval where it has none (0), within 30 s to 24 h. */
export function paceMs(nextPollSeconds: number, configuredMs: number): number {
  const wish = nextPollSeconds > 0 ? nextPollSeconds * 1000 : configuredMs;
  return Math.min(maxMs, Math.max(minMs, Number.isFinite(wish) ? wish : configuredMs));
}

/** A tenth more or less, so that agents that started together do not poll together. `random` is 0 to 1. */
export function withJitter(ms: number, random: number): number {
  return Math.round(ms * (0.9 + random * 0.2));
}
