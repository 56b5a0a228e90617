/** Imported for its effect, by those who speak SNMPv3. */
import { enableUsm } from "./session.ts";
import { openUsmSession } from "./usm_session.ts";

enableUsm(openUsmSession);
