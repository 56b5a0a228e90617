/** Texts of the approval of a second person. Pure. */
import type { Texts } from "./texts.ts";

export const approvalWords = {
  approvals: ["Approvals", "Zustimmungen", "Approvazioni"],
  approval: ["Approval", "Zustimmung", "Approvazione"],
  approvalsHelp: [
    "What is listed here is sent to the agent once a second person has approved it. Nobody can approve their own request.",
    "Was hier steht, wird an den Agenten gesendet, sobald eine zweite Person zugestimmt hat. Niemand kann der eigenen Anfrage zustimmen.",
    "Quanto elencato qui viene inviato all'agente quando una seconda persona lo approva. Nessuno può approvare la propria richiesta.",
  ],
  approvalsWaiting: [
    "{count, plural, =0 {Nothing waits for approval.} one {One request waits for approval.} other {# requests wait for approval.}}",
    "{count, plural, =0 {Nichts wartet auf Zustimmung.} one {Eine Anfrage wartet auf Zustimmung.} other {# Anfragen warten auf Zustimmung.}}",
    "{count, plural, =0 {Niente in attesa di approvazione.} one {Una richiesta attende approvazione.} other {# richieste attendono approvazione.}}",
  ],
  approvalsForYou: [
    "{count, plural, one {One request waits for your approval.} other {# requests wait for your approval.}}",
    "{count, plural, one {Eine Anfrage wartet auf Ihre Zustimmung.} other {# Anfragen warten auf Ihre Zustimmung.}}",
    "{count, plural, one {Una richiesta attende la vostra approvazione.} other {# richieste attendono la vostra approvazione.}}",
  ],
  approval_waiting: [
    "waiting for a second person's approval",
    "wartet auf die Zustimmung einer zweiten Person",
    "in attesa dell'approvazione di una seconda persona",
  ],
  approval_approved: ["approved", "zugestimmt", "approvata"],
  approval_refused: ["refused", "abgelehnt", "rifiutata"],
  approval_withdrawn: ["withdrawn", "zurückgezogen", "ritirata"],
  approval_expired: [
    "nobody approved it in time",
    "niemand hat rechtzeitig zugestimmt",
    "nessuno l'ha approvata in tempo",
  ],
  approveNow: ["Approve", "Zustimmen", "Approva"],
  refuse: ["Refuse", "Ablehnen", "Rifiuta"],
  askedBy: ["Asked by", "Angefragt von", "Richiesto da"],
  decidedBy: ["Decided by", "Entschieden von", "Deciso da"],
  askedFor: ["Asked for", "Angefragt", "Richiesta"],
  goOn: ["Go on", "Weiter", "Continua"],
  approvalWho: [
    "A user with the permission “Approve web access and tasks of others” finds this request under “Approvals”.",
    "Eine Person mit der Berechtigung „Webzugriffen und Aufgaben anderer zustimmen“ findet diese Anfrage unter „Zustimmungen“.",
    "Un utente con l'autorizzazione «Approvare accessi web e attività di altri» trova questa richiesta in «Approvazioni».",
  ],
  approvalRules: ["What needs an approval", "Was eine Zustimmung braucht", "Che cosa richiede un'approvazione"],
  approvalRulesHelp: [
    "Programs with a token cannot ask for an approval: what is chosen here is refused to them.",
    "Programme mit einem Token können keine Zustimmung anfragen: Was hier gewählt ist, wird ihnen verweigert.",
    "I programmi con un token non possono chiedere un'approvazione: quanto scelto qui viene loro rifiutato.",
  ],
} as const satisfies Texts;
