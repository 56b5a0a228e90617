/**
 * Size of the cache of decoded texts: a reading uses each several times, and the devices of a fleet have the same ones.
 */
const keptTexts = 2048;
/** Longest cached text, so that no device can fill the memory. Texts of the MIBs are not longer. */
const maxKeptOctets = 255;
const kept: (string | undefined)[] = new Array(keptTexts).fill(undefined);

/** The text of octets that are all printable ASCII, spaces included; undefined for others. */
export function maybePrintableAscii(octets: Uint8Array): string | undefined {
  let hash = octets.length;
  for (let i = 0; i < octets.length; i++) {
    const octet = octets[i]!;
    if (octet < 0x20 || octet >= 0x7f) return undefined;
    hash = Math.imul(hash ^ octet, 0x01000193);
  }
  if (octets.length > maxKeptOctets) return textOf(octets);
  const at = (hash ^ (hash >>> 15)) & (keptTexts - 1);
  const found = kept[at];
  if (found !== undefined && isSame(found, octets)) return found;
  return kept[at] = textOf(octets);
}

function isSame(text: string, octets: Uint8Array): boolean {
  if (text.length !== octets.length) return false;
  for (let i = 0; i < octets.length; i++) if (text.charCodeAt(i) !== octets[i]) return false;
  return true;
}

const latin1 = new TextDecoder("latin1");
/** Up to this length, calling the decoder is slower than converting the octets directly. */
const fewOctets = 64;

function textOf(octets: Uint8Array): string {
  return octets.length <= fewOctets ? String.fromCharCode(...octets) : latin1.decode(octets);
}
