/* Then it is the store that fails, and would do so for all. */
const mostFailures = 20;

/** What fails for one holds up no other: it is thrown at the end. */
export async function eachApart<T>(all: readonly T[], work: (one: T) => Promise<unknown>): Promise<void> {
  let first: unknown, inRow = 0;
  for (const one of all) {
    try {
      await work(one);
      inRow = 0;
    } catch (error) {
      first ??= error;
      if (++inRow === mostFailures) break;
    }
  }
  if (first !== undefined) throw first;
}
