import { knownText } from "./known_text.ts";
import { withoutMakerName } from "./maker_names.ts";
import { remembered } from "./remembered.ts";

/** Other known facts about the device, which are removed from its model. */
export interface KnownIdentity {
  manufacturer: string | null;
  serial: string | null;
  firmware: string | null;
}

/** Names that makers write before the model, besides the maker's name as used in a reading. */
const makerPrefixes =
  /^(?:hewlett[- ]packard|hp inc\.?|hp|brother|canon|dell(?: inc\.?)?|develop|epson|seiko epson|fuji ?xerox|fujifilm(?: business innovation(?: corp\.?)?)?|fx(?= (?:apeos|docu))|ibm|infoprint solutions company|(?:konica ?)?minolta(?:-qms)?|kyocera(?: document solutions| mita)?|lexmark(?: international(?:,? inc\.?)?)?|oki(?: data)?(?: corp(?:oration)?)?|panasonic|pantum|ricoh|lanier|gestetner|nrg|savin|infotec|rex[- ]rotary|samsung(?: electronics)?|sharp|ta[_ /-]triumph[- ]adler|triumph[- ]adler|utax(?:[_ ]ta)?|ta|toshiba(?: tec)?|xerox|zebra(?: technologies)?|ztc|tsc|sato|olivetti|sindoh|muratec|godex|printronix|riso|oc[ée])(?=[\s_]|$)[\s_]*/i;

/** Words after a model that describe the kind of machine. */
const kindSuffixes =
  /[\s,]+(?:series|multifunction(?:al)?(?: printer| system| device)?|all-in-one(?: printer)?|(?:colou?r |laser |inkjet |network |digital )*printers?|(?:printing|document) system|copier|\(?\d+ ?ppm\)?)$/i;

/**
 * The bare model from a text that may contain maker, firmware, serial and kind of machine; undefined if nothing is
 * left.
 */
export function cleanModel(text: string, known: KnownIdentity): string | undefined {
  const model = withoutTokens(withoutDetails(text), known);
  return known.manufacturer === null ? bareModel(model) : bareModelBy(known.manufacturer)(model);
}

const withoutDetails = remembered((text): string =>
  withoutAddress(knownText(text) ?? "").replace(/[®™]|\((?:R|TM)\)/g, "")
    .replace(/[;|].*$/s, "")
    .replace(/\s+\/\s+.*$/, "")
    .replace(/\s+\/[A-Z]$/, "")
    .replace(/[,\s]+(?:version|ver\.?|firmware|fw|rev\.?|S\/N|SN|serial)[\s:.#]+.*$/i, "")
    .trim()
);

const bareModelBy = remembered((maker) => remembered((model) => bareModel(model, maker)));

/** Without the maker and the kind of machine; undefined if nothing is left. */
function bareModel(text: string, maker: string | null = null): string | undefined {
  let model = text;
  for (let before = ""; before !== model;) {
    before = model;
    // The longest form of a name first, so that "Acme International" leaves no "International".
    model = withoutMakerName(model.replace(makerPrefixes, "").replace(kindSuffixes, "").trim());
    if (maker !== null && model.toLowerCase().startsWith(`${maker.toLowerCase()} `)) {
      model = model.slice(maker.length).trim();
    }
  }
  // A model has a digit, or a group of letters that is not a maker; only a maker or a kind is not a model.
  if (
    model.length > 80 || knownText(model) === undefined ||
    /^(?:printer|generic|wired|wireless|network|ethernet|device|-+)$/i.test(model)
  ) {
    return undefined;
  }
  return model;
}

const mac = "[0-9a-f]{2}(?:[:-][0-9a-f]{2}){5}|[0-9a-f]{12}";
const ipv4 = "\\d{1,3}(?:\\.\\d{1,3}){3}";
/** Default names of network cards: a prefix of the maker and the end of the MAC address. */
const cardName = "(?:NPI|BRN|BRW|XRX|RNP|SEC|EPSON|KM|HP)[0-9a-f]{6,12}";

/** Parts that identify a single device: "[001b…]", "(NPI12AB34)", "00:1B:A9:…", an address. */
const addresses = [
  new RegExp(
    `[\\s,;_-]*\\[\\s*(?:MAC\\s*[:=]?\\s*)?(?:${mac}|${cardName}|${ipv4}|[0-9a-f]{4,12}(?:\\.{2,}|…)?)\\s*\\]?`,
    "i",
  ),
  new RegExp(`[\\s,;_-]*[(<{]\\s*(?:MAC\\s*[:=]?\\s*)?(?:${mac}|${cardName}|${ipv4})\\s*[)>}]?`, "i"),
  new RegExp(`[\\s,;_-]+(?:MAC\\s*[:=]?\\s*)?(?:${mac}|${cardName})(?![0-9a-z])`, "i"),
  new RegExp(`[\\s,;_]+(?:IP\\s*[:=]?\\s*)?${ipv4}(?![0-9.])`, "i"),
];

function withoutAddress(text: string): string {
  return addresses.reduce((rest, pattern) => rest.replace(pattern, ""), text);
}

/** Lexmark and Dell append serial and firmware to the model; the serial may be cut short there. */
function withoutTokens(model: string, known: KnownIdentity): string {
  const serial = known.serial?.toUpperCase() ?? "";
  const firmware = known.firmware?.toUpperCase() ?? "";
  return model.split(" ").filter((token, position) => {
    if (position === 0) return true;
    const word = token.toUpperCase();
    if (word.length >= 6 && serial !== "" && (serial.startsWith(word) || word === serial)) return false;
    return !(word.length >= 4 && word === firmware);
  }).join(" ");
}
