/** What a benchmark wants, and whether this run met it. */
export interface Goals {
  /** Smaller is better; met at the limit too. */
  atMost(name: string, got: number, limit: number, unit?: string): void;
  /** Larger is better. */
  atLeast(name: string, got: number, limit: number, unit?: string): void;
  all(name: string, got: number, of: number): void;
  /** Prints each goal, then `met N of M` and the missed ones. */
  print(): void;
}

export function createGoals(): Goals {
  const goals: { name: string; met: boolean; got: string; wanted: string }[] = [];
  return {
    atMost(name, got, limit, unit = "") {
      const digits = limit < 0.1 ? 3 : 2;
      goals.push({ name, met: got <= limit, got: `${got.toFixed(digits)}${unit}`, wanted: `at most ${limit}` });
    },
    atLeast(name, got, limit, unit = "") {
      goals.push({ name, met: got >= limit, got: `${got.toFixed(0)}${unit}`, wanted: `at least ${limit}` });
    },
    all(name, got, of) {
      goals.push({ name, met: got === of, got: `${got} of ${of}`, wanted: "all" });
    },
    print() {
      for (const { name, got, wanted } of goals) console.log(`${name}: ${got} (wanted: ${wanted})`);
      const missed = goals.filter(({ met }) => !met);
      console.log(`\nmet ${goals.length - missed.length} of ${goals.length}`);
      for (const { name, got, wanted } of missed) console.log(`missed: ${name}: ${got}, wanted ${wanted}`);
    },
  };
}
