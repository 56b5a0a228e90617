/** Texts of sign-in. Pure. */
import type { Texts } from "./texts.ts";

export const signInWords = {
  signIn: ["Sign in", "Anmelden", "Accedi"],
  signOut: ["Sign out", "Abmelden", "Esci"],
  email: ["E-mail address", "E-Mail-Adresse", "Indirizzo e-mail"],
  password: ["Password", "Passwort", "Password"],
  newPassword: ["New password", "Neues Passwort", "Nuova password"],
  passwordHelp: [
    "At least 12 characters. A few words that have nothing to do with one another are good.",
    "Mindestens 12 Zeichen. Gut sind einige Wörter, die nichts miteinander zu tun haben.",
    "Almeno 12 caratteri. Vanno bene alcune parole che non hanno nulla in comune.",
  ],
  refused: [
    "E-mail address or password is wrong, or the user is deactivated.",
    "E-Mail-Adresse oder Passwort ist falsch, oder der Benutzer ist deaktiviert.",
    "L'indirizzo e-mail o la password è errata, oppure l'utente è disattivato.",
  ],
  lockNote: [
    "After 5 failed attempts a user is deactivated; an administrator can reactivate it.",
    "Nach 5 Fehlversuchen wird ein Benutzer deaktiviert; ein Administrator kann ihn reaktivieren.",
    "Dopo 5 tentativi falliti un utente viene disattivato; un amministratore può riattivarlo.",
  ],
  wait: [
    "Too many failed attempts from your network. Try again in {minutes} minutes.",
    "Zu viele Fehlversuche aus Ihrem Netz. Versuchen Sie es in {minutes} Minuten wieder.",
    "Troppi tentativi falliti dalla vostra rete. Riprovare tra {minutes} minuti.",
  ],
  busy: [
    "Too many people sign in at this moment. Try again soon.",
    "Gerade melden sich zu viele Personen an. Versuchen Sie es gleich wieder.",
    "Troppe persone accedono in questo momento. Riprovare tra poco.",
  ],
  forgot: ["Forgot your password?", "Passwort vergessen?", "Password dimenticata?"],
  forgotHelp: [
    "You get a link by e-mail. A deactivated user needs an administrator.",
    "Sie bekommen einen Link per E-Mail. Ein deaktivierter Benutzer braucht einen Administrator.",
    "Riceverete un link per e-mail. Per un utente disattivato serve un amministratore.",
  ],
  forgotDone: [
    "If this address belongs to an active user, a link is on its way. It works for an hour.",
    "Wenn diese Adresse zu einem aktiven Benutzer gehört, ist ein Link unterwegs. Er gilt eine Stunde.",
    "Se l'indirizzo appartiene a un utente attivo, un link è in arrivo. Vale un'ora.",
  ],
  secondFactor: ["Second factor", "Zweiter Faktor", "Secondo fattore"],
  code: ["Code", "Code", "Codice"],
  codeHelp: [
    "The six digits that your app shows, or one of your recovery codes.",
    "Die sechs Ziffern Ihrer App, oder einer Ihrer Wiederherstellungscodes.",
    "Le sei cifre della vostra app, oppure uno dei codici di recupero.",
  ],
  wrongCode: [
    "The code is wrong, or was used before. Each code works once. The clock of your telephone must be right.",
    "Der Code ist falsch oder wurde schon benutzt. Jeder Code gilt einmal. Die Uhr Ihres Telefons muss stimmen.",
    "Il codice è errato o è già stato usato. Ogni codice vale una volta. L'ora del telefono deve essere esatta.",
  ],
  over: [
    "This took too long. Sign in again.",
    "Das hat zu lange gedauert. Melden Sie sich noch einmal an.",
    "È passato troppo tempo. Accedere di nuovo.",
  ],
  continue: ["Continue", "Weiter", "Continua"],
  setUpTitle: ["Set up your second factor", "Zweiten Faktor einrichten", "Configurare il secondo fattore"],
  setUpHelp: [
    "Scan this picture with an authenticator app, then type the six digits that it shows.",
    "Lesen Sie dieses Bild mit einer Authenticator-App ein, und geben Sie die sechs Ziffern ein, die sie zeigt.",
    "Inquadrare l'immagine con un'app di autenticazione, poi inserire le sei cifre che mostra.",
  ],
  setUpPicture: ["QR code for the app", "QR-Code für die App", "Codice QR per l'app"],
  setUpTyped: [
    "Or type this secret into the app:",
    "Oder geben Sie dieses Geheimnis in die App ein:",
    "Oppure inserire questo segreto nell'app:",
  ],
  recoveryTitle: ["Your recovery codes", "Ihre Wiederherstellungscodes", "I vostri codici di recupero"],
  recoveryHelp: [
    "Each of them replaces the app once. They are shown now only: print them, or keep them in a password manager.",
    "Jeder ersetzt die App einmal. Sie werden nur jetzt gezeigt: Drucken Sie sie, oder verwahren Sie sie in einem Passwortspeicher.",
    "Ognuno sostituisce l'app una volta. Vengono mostrati solo ora: stamparli o conservarli in un gestore di password.",
  ],
  linkTitle: ["Choose a password", "Passwort wählen", "Scegliere una password"],
  linkOver: [
    "This link was used, or is too old. Ask an administrator for a new one.",
    "Dieser Link wurde benutzt oder ist zu alt. Bitten Sie einen Administrator um einen neuen.",
    "Questo link è già stato usato o è scaduto. Chiederne uno nuovo a un amministratore.",
  ],
  weak: [
    "This password is easily guessed: it is like one that was stolen before, or like your name.",
    "Dieses Passwort ist leicht zu erraten: Es ähnelt einem gestohlenen oder Ihrem Namen.",
    "Questa password è facile da indovinare: somiglia a una già rubata o al vostro nome.",
  ],
  recoveryCodeHelp: [
    "One of your recovery codes.",
    "Einer Ihrer Wiederherstellungscodes.",
    "Uno dei vostri codici di recupero.",
  ],
  passkeySignIn: ["Sign in with a passkey", "Mit einem Passkey anmelden", "Accedi con una passkey"],
  passkeyUse: ["Use a passkey", "Passkey benutzen", "Usa una passkey"],
  passkeyMake: ["Set up a passkey", "Passkey einrichten", "Configura una passkey"],
  passkeyInstead: ["Or use a passkey", "Oder ein Passkey", "Oppure una passkey"],
  passkeyHelp: [
    "A passkey is kept by this device, a telephone or a security key. It replaces the code, and where it asks for your finger, face or PIN, the password too.",
    "Ein Passkey liegt auf diesem Gerät, einem Telefon oder einem Sicherheitsschlüssel. Er ersetzt den Code, und wenn er nach Finger, Gesicht oder PIN fragt, auch das Passwort.",
    "Una passkey si trova su questo dispositivo, su un telefono o su una chiave di sicurezza. Sostituisce il codice e, se chiede impronta, volto o PIN, anche la password.",
  ],
  passkeyNameLabel: ["Name of the passkey", "Name des Passkeys", "Nome della passkey"],
  passkeyNameDefault: ["My passkey", "Mein Passkey", "La mia passkey"],
  passkeyName: [
    "The name of a passkey has 1 to 60 characters.",
    "Der Name eines Passkeys hat 1 bis 60 Zeichen.",
    "Il nome di una passkey ha da 1 a 60 caratteri.",
  ],
  passkeyRefused: [
    "This passkey is not accepted, or the user is deactivated. Sign in in another way.",
    "Dieser Passkey wird nicht angenommen, oder der Benutzer ist deaktiviert. Melden Sie sich auf anderem Weg an.",
    "Questa passkey non è accettata, oppure l'utente è disattivato. Accedere in un altro modo.",
  ],
  passkeyNotUsed: [
    "No passkey was used. Try again, or go on in another way.",
    "Es wurde kein Passkey benutzt. Versuchen Sie es noch einmal, oder nehmen Sie einen anderen Weg.",
    "Nessuna passkey è stata usata. Riprovare o procedere in un altro modo.",
  ],
  passkeyNotMade: [
    "No passkey was set up. It may have been cancelled, or this device has one for you already.",
    "Es wurde kein Passkey eingerichtet. Vielleicht wurde abgebrochen, oder dieses Gerät hat schon einen für Sie.",
    "Nessuna passkey è stata configurata. Forse è stata annullata, o questo dispositivo ne ha già una per voi.",
  ],
  confirmTitle: ["Confirm that it is you", "Bestätigen, dass Sie es sind", "Confermare la propria identità"],
  confirmHelp: [
    "This needs your password and a code again. It goes on right after that.",
    "Dafür werden Passwort und Code noch einmal gebraucht. Danach geht es gleich weiter.",
    "Per questo servono di nuovo la password e un codice. Poi si prosegue subito.",
  ],
} as const satisfies Texts;
