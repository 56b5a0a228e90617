/**
 * A shuffled order of the numbers below `size` that needs no memory: a Feistel network of four rounds over the smallest
 * even number of bits that holds `size`, walked until the result is below `size` again (at most four times the size
 * is searched, so about 1.3 to 4 steps a number). For spreading load, not for secrets.
 */

/** The place of `index` in the shuffled order of `seed`: a bijection of the integers below `size` (at most 2^32). */
export function permute(index: number, size: number, seed: number): number {
  if (!(index >= 0 && index < size && size <= 0x100000000)) {
    throw new RangeError(`Cannot permute an index outside 0 to ${size} - 1: current value is ${index}`);
  }
  if (size === 1) return 0;
  const halfBits = Math.ceil((32 - Math.clz32(size - 1)) / 2);
  const mask = 2 ** halfBits - 1;
  let value = index;
  do {
    let left = Math.floor(value / (mask + 1)), right = value & mask;
    for (let round = 0; round < 4; round++) {
      const mixed = left ^ (mix(right, seed + round) & mask);
      left = right;
      right = mixed;
    }
    value = left * (mask + 1) + right;
  } while (value >= size);
  return value;
}

/** The finaliser of MurmurHash3 over both numbers. */
function mix(value: number, seed: number): number {
  let hash = Math.imul(value ^ Math.imul(seed | 0, 0x9e3779b1), 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
