import type { Profile } from "../profile.ts";

/** A printer of a maker that is not known here: the standard MIBs only; the maker is that of its IEEE-1284 device id. */
export const generic: Profile = { id: "generic", maker: "", recognise: {} };
