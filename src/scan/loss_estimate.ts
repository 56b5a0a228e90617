/** How much of what is asked has no answer at the first try, seen from the devices that are being read. */
export interface LossEstimate {
  /** A device has answered; `late` when it had to be asked again. */
  answered(late: boolean): void;
  /** Share of questions without an answer, 0 to 1. */
  share(): number;
}

/** Answers that are taken to have come at once before the first is seen, so that one late answer is no lossy network. */
const benefit = 10;

export function createLossEstimate(): LossEstimate {
  let answers = 0, late = 0;
  return {
    answered(isLate) {
      answers++;
      if (isLate) late++;
    },
    share: () => late / (answers + benefit),
  };
}

/** Devices that so many rounds of questions are expected to have missed, where `found` were found. */
export function expectedMissing(found: number, { rounds, share }: { rounds: number; share: number }): number {
  return found * share ** rounds / (1 - share ** rounds);
}

/**
 * Devices that are missing of `size` addresses of a shuffled order, beside the others of it, of which so many answered: none
 * where chance explains it, in all but one of 30,000 cases.
 */
export function missingBeside(
  found: number,
  { size, others }: { size: number; others: { probed: number; answered: number } },
): number {
  const { probed, answered } = others;
  if (probed === 0) return 0;
  const share = (answered + 1) / (probed + 2);
  const deviation = Math.sqrt(size * share * (1 - share) * (1 + size / probed));
  const missing = size * share - found;
  return missing > 4 * deviation ? missing : 0;
}
