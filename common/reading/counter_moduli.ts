/** Where counters of pages begin again at 0: 16, 24, 31 and 32 bits, and six to nine digits. */
const counterModuli: readonly number[] = [2 ** 16, 1e6, 1e7, 2 ** 24, 1e8, 1e9, 2 ** 31, 2 ** 32];
/* How near to the end and to 0 the two values of a wrap are, as a part of the modulus. */
const wrapMargin = 0.01;

/** Where a counter may have begun again at 0 between two values: the least first. */
export function wrapsBetween(before: number, after: number): number[] {
  return counterModuli.filter((modulus) =>
    before < modulus && before >= modulus * (1 - wrapMargin) && after <= modulus * wrapMargin
  );
}
