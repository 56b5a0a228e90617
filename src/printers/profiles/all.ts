import type { Profile } from "../profile.ts";
import { brother } from "./brother.ts";
import { canon } from "./canon.ts";
import { dell } from "./dell.ts";
import { develop } from "./develop.ts";
import { epson } from "./epson.ts";
import { fujifilm, fujixerox } from "./fujixerox.ts";
import { generic } from "./generic.ts";
import { hp } from "./hp.ts";
import { ibm } from "./ibm.ts";
import { konica } from "./konica.ts";
import { kyocera } from "./kyocera.ts";
import { tsc, zebra } from "./label_printers.ts";
import { lexmark } from "./lexmark.ts";
import { oce } from "./oce.ts";
import { oki } from "./oki.ts";
import { olivetti } from "./olivetti.ts";
import { otherMakers } from "./other_makers.ts";
import { panasonic } from "./panasonic.ts";
import { pantum } from "./pantum.ts";
import { ricoh, ricohBrands } from "./ricoh.ts";
import { samsung } from "./samsung.ts";
import { sharp } from "./sharp.ts";
import { toshiba, toshibaTec } from "./toshiba.ts";
import { copystar, triumphAdler, utax } from "./utax.ts";
import { xerox } from "./xerox.ts";

/** Every maker. Of two with the same score the earlier wins, so makers come before those who sell their machines. */
export const allProfiles: readonly Profile[] = [
  brother,
  canon,
  epson,
  fujifilm,
  fujixerox,
  xerox,
  konica,
  develop,
  kyocera,
  utax,
  triumphAdler,
  copystar,
  olivetti,
  lexmark,
  dell,
  ibm,
  oce,
  oki,
  panasonic,
  pantum,
  ricoh,
  ...ricohBrands,
  samsung,
  sharp,
  toshiba,
  toshibaTec,
  zebra,
  tsc,
  hp,
  ...otherMakers,
];

/** For printers of makers that are not in the list. */
export const genericProfile: Profile = generic;

/** A profile by its id, or undefined. */
export function maybeProfile(id: string): Profile | undefined {
  return id === generic.id ? generic : allProfiles.find((profile) => profile.id === id);
}
