/** Where counters of pages begin again at 0: 16, 24, 31 and 32 bits, and six to nine digits. */
export const counterModuli: readonly number[] = [2 ** 16, 1e6, 1e7, 2 ** 24, 1e8, 1e9, 2 ** 31, 2 ** 32];
