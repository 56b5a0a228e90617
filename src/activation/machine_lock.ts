/** What all records of one machine together say of the lock. Pure; `judge_copies.ts` finds out which records count. */
import type { ActivationState, PlatformAttempts } from "./activation_state.ts";

export type MachineLock = Pick<ActivationState, "attempts" | "unlocks" | "platforms" | "unlockKeys" | "places">;

/** State directories that are looked at beside one's own. */
const maxPlaces = 32;

/**
 * The most that any of them says. Those from before the last unlock say nothing any more. Of two records of one platform,
 * the one with more successes is the later. Which keys unlock: those that every record with attempts knew, so that a state
 * directory that somebody made beside the lock brings no key of theirs; `own` decides where nobody has attempts.
 */
export function machineLock(own: ActivationState | undefined, states: readonly ActivationState[]): MachineLock {
  const unlocks = Math.max(0, ...states.map((state) => state.unlocks));
  const current = states.filter((state) => state.unlocks === unlocks);
  const unknown = Math.max(0, ...current.map(unknownAttempts));
  const byKey = new Map<string, PlatformAttempts>();
  for (const one of current.flatMap(({ platforms }) => platforms ?? [])) {
    const other = byKey.get(one.key);
    byKey.set(one.key, other === undefined ? one : later(one, other));
  }
  const platforms = [...byKey.values()];
  const tried = current.filter(({ attempts }) => attempts > 0);
  const involved = tried.length > 0 ? tried : own !== undefined ? [own] : unlocks > 0 ? current : [];
  return {
    unlocks,
    attempts: unknown + sumOf(platforms),
    platforms,
    unlockKeys: (involved[0]?.unlockKeys ?? []).filter((key) =>
      involved.every(({ unlockKeys }) => unlockKeys.includes(key))
    ),
    places: [...new Set([...(own?.places ?? []), ...states.flatMap(({ places }) => places)])].slice(0, maxPlaces),
  };
}

/** Those of an older release, and those whose platform could not be told. */
function unknownAttempts({ attempts, platforms }: ActivationState): number {
  return Math.max(0, attempts - sumOf(platforms ?? []));
}

function later(a: PlatformAttempts, b: PlatformAttempts): PlatformAttempts {
  if (a.successes !== b.successes) return a.successes > b.successes ? a : b;
  return {
    ...a,
    attempts: Math.max(a.attempts, b.attempts),
    takenBack: [...new Set([...a.takenBack, ...b.takenBack])],
  };
}

function sumOf(platforms: readonly PlatformAttempts[]): number {
  return platforms.reduce((sum, { attempts }) => sum + attempts, 0);
}
