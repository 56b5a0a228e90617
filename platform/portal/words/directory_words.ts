/** Texts of sign-in by a directory. Pure. */
import type { Texts } from "./texts.ts";

export const directoryWords = {
  directoryName: ["User name", "Benutzername", "Nome utente"],
  directoryNameHelp: [
    "As you sign in to your computer, or your e-mail address.",
    "Wie bei der Anmeldung an Ihrem Computer, oder Ihre E-Mail-Adresse.",
    "Come per l'accesso al computer, oppure l'indirizzo e-mail.",
  ],
  windowsSignIn: [
    "Sign in with the account of this computer",
    "Mit dem Konto dieses Computers anmelden",
    "Accedi con l'account di questo computer",
  ],
  directoryConfirmHelp: [
    "Type your password of {name} again.",
    "Geben Sie Ihr Passwort von {name} noch einmal ein.",
    "Inserire di nuovo la password di {name}.",
  ],
} as const satisfies Texts;
