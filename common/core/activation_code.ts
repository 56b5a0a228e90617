/**
 * The activation code, shared by agent and platform: twelve symbols of Crockford's base32 in groups of four, such as
 * `0EY9-M29P-1G7W`. Eleven carry 55 random bits; the last is Crockford's check symbol, the number modulo 37, which
 * detects every wrong symbol and every swap of two neighbours. So a typing error is refused locally and does not count
 * as an attempt.
 */
import { UsageError } from "./errors.ts";

/** Crockford's 32 symbols, then the five that only a check symbol can be. */
const symbols = "0123456789ABCDEFGHJKMNPQRSTVWXYZ*~$=U";
const dataLength = 11;

/** Random bytes of one draw: 56 bits, of which 55 are used. */
const drawnBytes = 7;

function maybeDrawnCode(random: Uint8Array): string | undefined {
  let number = 0n;
  for (const byte of random.subarray(0, drawnBytes)) number = number << 8n | BigInt(byte);
  number &= (1n << 55n) - 1n;
  const check = Number(number % 37n);
  if (check >= 32) return undefined;
  let data = "";
  for (let i = 0; i < dataLength; i++, number >>= 5n) data = symbols[Number(number & 31n)]! + data;
  return grouped(data + symbols[check]!);
}

/**
 * A new code from a source of randomness such as `crypto.getRandomValues`. Repeats while the check symbol is one that a
 * shell or a reader could misinterpret (`*`, `~`, `$`, `=`, `U`).
 */
export function makeActivationCode(fill: (bytes: Uint8Array<ArrayBuffer>) => unknown): string {
  for (;;) {
    const bytes = new Uint8Array(drawnBytes);
    fill(bytes);
    const code = maybeDrawnCode(bytes);
    if (code !== undefined) return code;
  }
}

/**
 * The code in canonical form: upper case, grouped, `O` read as 0 and `I`, `L` as 1. Throws `UsageError` for a typing
 * error; the message never contains the input.
 */
export function parseActivationCode(text: string): string {
  const typed = text.replace(/[\s-]/g, "").toUpperCase().replace(/O/g, "0").replace(/[IL]/g, "1");
  const hint =
    "compare it with the code that the platform gave, such as 0EY9-M29P-1G7W; this was not counted as an attempt";
  if (typed.length !== dataLength + 1) {
    throw new UsageError(`Cannot use the activation code as it has 12 symbols: this one has ${typed.length}`, hint);
  }
  let rest = 0;
  for (const [at, symbol] of [...typed].entries()) {
    const value = symbols.indexOf(symbol);
    if (value < 0 || (at < dataLength && value >= 32)) {
      throw new UsageError(`Cannot use the activation code as symbol ${at + 1} is not valid in a code`, hint);
    }
    if (at < dataLength) rest = (rest * 32 + value) % 37;
    else if (rest !== value) {
      throw new UsageError("Cannot use the activation code as there is a typing error in it", hint);
    }
  }
  return grouped(typed);
}

/** The code in canonical form; undefined for a typing error. */
export function maybeActivationCode(text: string): string | undefined {
  try {
    return parseActivationCode(text);
  } catch (error) {
    if (error instanceof UsageError) return undefined;
    throw error;
  }
}

function grouped(code: string): string {
  return code.match(/.{4}/g)!.join("-");
}
