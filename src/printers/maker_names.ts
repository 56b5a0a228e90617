import { remembered } from "./remembered.ts";

/**
 * Makers of printers without a profile, by the first words of their texts. A name alone is no evidence for a printer:
 * most of these makers have other products too.
 */
const names: readonly [words: string, maker: string][] = [
  ["Argox", "Argox"],
  ["Avery(?: Dennison)?", "Avery Dennison"],
  ["Avision", "Avision"],
  ["Bixolon", "Bixolon"],
  ["Brady", "Brady"],
  ["Bull", "Bull"],
  ["cab(?= )", "cab"],
  ["Casio", "Casio"],
  ["Citizen", "Citizen"],
  ["Compuprint", "Compuprint"],
  ["Copystar", "Copystar"],
  ["Dascom", "Dascom"],
  ["Datacard", "Datacard"],
  ["Datamax(?:-O'?Neil)?", "Datamax"],
  ["Deli(?= )", "Deli"],
  ["Duplo", "Duplo"],
  ["Evolis", "Evolis"],
  ["Fargo", "Fargo"],
  ["Fujitsu", "Fujitsu"],
  ["Genicom", "Genicom"],
  ["Hitachi", "Hitachi"],
  ["Honeywell", "Honeywell"],
  ["HPRT", "HPRT"],
  ["Huawei", "Huawei"],
  ["Imagistics", "Imagistics"],
  ["Intermec", "Intermec"],
  ["Katun", "Katun"],
  ["KIP(?= )", "KIP"],
  ["Kodak|Eastman Kodak", "Kodak"],
  ["Lenovo", "Lenovo"],
  ["Lexmark", "Lexmark"],
  ["Microplex", "Microplex"],
  ["Mimaki", "Mimaki"],
  ["Mita(?= )", "Mita"],
  ["Mitsubishi", "Mitsubishi"],
  ["Mutoh", "Mutoh"],
  ["NEC(?= )", "NEC"],
  ["Novexx", "Novexx"],
  ["Philips", "Philips"],
  ["Pitney[ -]?Bowes", "Pitney Bowes"],
  ["Postek", "Postek"],
  ["Primera", "Primera"],
  ["Printek", "Printek"],
  ["PSi(?= )", "PSi"],
  ["QMS(?= )", "QMS"],
  ["Roland(?: DG)?", "Roland"],
  ["Sagem(?:com)?", "Sagem"],
  ["Seiko(?: Instruments)?(?! Epson)", "Seiko"],
  ["Source Technologies", "Source Technologies"],
  ["Star(?: Micronics)?(?= )", "Star Micronics"],
  ["Summa", "Summa"],
  ["Tektronix", "Tektronix"],
  ["TROY", "TROY"],
  ["Unisys", "Unisys"],
  ["Wincor(?:[ -]Nixdorf)?", "Wincor Nixdorf"],
  ["Xante", "Xante"],
  ["Xiaomi", "Xiaomi"],
];

const patternOf = (words: string) => new RegExp(`^(?:${words})(?![\\p{L}\\d])`, "iu");
const patterns = names.map(([words, maker]) => ({ pattern: patternOf(words), maker }));
/* Most texts name none of them, and are asked once: each pattern is compiled when it is first used. */
const anyName = patternOf(names.map(([words]) => words).join("|"));

/** The maker whose name the text begins with, if it is a known one. */
export const makerByName = remembered((text): string | undefined =>
  anyName.test(text) ? patterns.find(({ pattern }) => pattern.test(text))?.maker : undefined
);

/** A text without the maker's name at its start, so that the model is left. */
export const withoutMakerName = remembered((text): string => {
  if (!anyName.test(text)) return text;
  const { pattern } = patterns.find(({ pattern }) => pattern.test(text))!;
  return text.replace(pattern, "").trim();
});

/** First words that are not makers: product lines, kinds of device, names of network cards and systems. */
const noMakers = new RegExp(
  `^(?:${
    [
      "acculaser|aculaser|aficio|apeos\\w*|altalink|bizhub|color\\w*|colour\\w*|colorqube|deskjet|designjet|docu\\w+|ecosys|envy",
      "fiery|image\\w+|infoprint|inkjet|ineo|laser\\w*|magicolor|maxify|officejet|optra|pagepro|pagewide|phaser|photosmart|pixma",
      "primelink|proxpress|xpress|smart|stylus|sure\\w+|taskalfa|tank|versa\\w+|versant|work\\w+|e-?studio",
      "all|built|cups|device|digital|embedded|ether\\w*|fast|generic|gigabit|hardware|internal|ipp|label|linux|local|lpt\\d?",
      "mfp|model|mono\\w*|multi\\w*|nic|network|office|pcl\\d?|port|print\\w*|ps\\d?|printer|receipt|server|snmp|software|sys\\w*",
      "system|the|thermal|uclinux|unix|unknown|usb|version|virtual|wide|windows|wired|wireless|wlan",
    ].join("|")
  })$`,
  "i",
);

/**
 * An unknown maker, guessed from the first word of a text: a capitalised word of letters before a model with a digit
 * ("Acme LP-2000") that is not a product line or kind of device.
 */
export function makerByFirstWord(text: string): string | undefined {
  const word = /^(\p{Lu}[\p{L}&-]{2,20}) [\p{L}-]{0,12}\d/u.exec(text)?.[1];
  return word === undefined || noMakers.test(word) ? undefined : word;
}
