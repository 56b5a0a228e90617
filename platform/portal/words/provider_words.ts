/** Texts of sign-in by identity providers, and of their configuration. Pure. */
import type { Texts } from "./texts.ts";

export const providerWords = {
  ssoWith: ["Sign in with {name}", "Mit {name} anmelden", "Accedi con {name}"],
  ssoCompany: ["Your company's account", "Konto Ihrer Firma", "Account della vostra azienda"],
  ssoFind: ["Find the sign-in", "Anmeldung finden", "Trova l'accesso"],
  ssoCompanyEmail: ["E-mail address at your company", "E-Mail-Adresse in Ihrer Firma", "Indirizzo e-mail aziendale"],
  ssoNoDomain: [
    "No other sign-in is set up for this address. Sign in with your password.",
    "Für diese Adresse ist keine andere Anmeldung eingerichtet. Melden Sie sich mit Ihrem Passwort an.",
    "Per questo indirizzo non è configurato un altro accesso. Accedere con la password.",
  ],
  ssoOn: ["You are led to {name}.", "Sie werden zu {name} geführt.", "Sarete indirizzati a {name}."],
  ssoFailed: ["Sign-in did not succeed", "Anmeldung nicht möglich", "Accesso non riuscito"],
  sso_answer: [
    "The answer of {name} cannot be used. If this happens again, tell your administrator; the server's log says why.",
    "Die Antwort von {name} ist nicht verwendbar. Wenn es wieder geschieht, sagen Sie es Ihrem Administrator; das Protokoll des Servers nennt den Grund.",
    "La risposta di {name} non è utilizzabile. Se succede di nuovo, informare l'amministratore; il registro del server ne indica il motivo.",
  ],
  sso_away: [
    "{name} does not answer at this moment. Try again soon, or sign in with a password if you have one.",
    "{name} antwortet gerade nicht. Versuchen Sie es gleich wieder, oder melden Sie sich mit einem Passwort an, wenn Sie eines haben.",
    "{name} non risponde in questo momento. Riprovare tra poco, oppure accedere con una password, se ne avete una.",
  ],
  sso_over: [
    "This sign-in took too long, was used already, or was begun in another browser. Begin again.",
    "Diese Anmeldung hat zu lange gedauert, wurde schon benutzt oder in einem anderen Browser begonnen. Beginnen Sie noch einmal.",
    "Questo accesso ha richiesto troppo tempo, è già stato usato o è iniziato in un altro browser. Ricominciare.",
  ],
  sso_cancelled: [
    "{name} did not sign you in.",
    "{name} hat Sie nicht angemeldet.",
    "{name} non vi ha autenticato.",
  ],
  sso_questions: [
    "{name} wants you to sign in again.",
    "{name} möchte, dass Sie sich noch einmal anmelden.",
    "{name} richiede un nuovo accesso.",
  ],
  sso_overage: [
    "You are in too many groups, so that {name} left them out. Your administrator must let it send only the groups that are assigned to this application.",
    "Sie sind in zu vielen Gruppen, und {name} hat sie deshalb weggelassen. Ihr Administrator muss einstellen, dass nur die dieser Anwendung zugewiesenen Gruppen gesendet werden.",
    "Appartenete a troppi gruppi e {name} li ha omessi. L'amministratore deve far inviare solo i gruppi assegnati a questa applicazione.",
  ],
  sso_factor: [
    "{name} did not ask for the second factor that is required here. Tell your administrator.",
    "{name} hat den hier verlangten zweiten Faktor nicht abgefragt. Sagen Sie es Ihrem Administrator.",
    "{name} non ha richiesto il secondo fattore necessario. Informare l'amministratore.",
  ],
  sso_noRole: [
    "{name} knows you, but none of your groups has a role here. Ask an administrator to give one of them a role.",
    "{name} kennt Sie, aber keine Ihrer Gruppen hat hier eine Rolle. Bitten Sie einen Administrator, einer davon eine Rolle zu geben.",
    "{name} vi conosce, ma nessuno dei vostri gruppi ha un ruolo qui. Chiedere a un amministratore di assegnarne uno.",
  ],
  sso_deactivated: [
    "Your user is deactivated here. An administrator can reactivate it.",
    "Ihr Benutzer ist hier deaktiviert. Ein Administrator kann ihn reaktivieren.",
    "Il vostro utente qui è disattivato. Un amministratore può riattivarlo.",
  ],
  sso_closed: [
    "There is no such sign-in, or it is not active.",
    "Diese Anmeldung gibt es nicht, oder sie ist nicht aktiv.",
    "Questo accesso non esiste oppure non è attivo.",
  ],
  sso_otherPerson: [
    "This was not confirmed: you have to sign in at {name} anew, as the same person.",
    "Das wurde nicht bestätigt: Sie müssen sich bei {name} neu anmelden, als dieselbe Person.",
    "Non confermato: occorre accedere di nuovo a {name} come la stessa persona.",
  ],
  ssoTryAgain: ["To the sign-in", "Zur Anmeldung", "Torna all'accesso"],
  ssoLinkTitle: [
    "This address has a user already",
    "Diese Adresse hat schon einen Benutzer",
    "L'indirizzo ha già un utente",
  ],
  ssoLinkHelp: [
    "The user {email} signs in with a password until now. Give the password and a code once, and from then on you sign in with {name}: your roles are those of your groups there, and the password is removed.",
    "Der Benutzer {email} meldet sich bisher mit einem Passwort an. Geben Sie einmal Passwort und Code ein; danach melden Sie sich mit {name} an: Ihre Rollen sind die Ihrer Gruppen dort, und das Passwort wird entfernt.",
    "Finora l'utente {email} accede con una password. Inserire una volta password e codice; da allora si accede con {name}: i ruoli sono quelli dei vostri gruppi e la password viene rimossa.",
  ],
  ssoLink: ["Link", "Verbinden", "Collega"],
  ssoConfirm: ["Confirm with {name}", "Mit {name} bestätigen", "Conferma con {name}"],
  ssoConfirmHelp: [
    "This needs a new sign-in at {name}.",
    "Dafür ist eine neue Anmeldung bei {name} nötig.",
    "Per questo serve un nuovo accesso a {name}.",
  ],
} as const satisfies Texts;
