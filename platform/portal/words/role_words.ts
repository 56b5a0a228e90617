/** Texts of roles that a dealer makes, and of permissions. Pure. */
import type { Permission } from "../../users/permissions.ts";
import type { Texts } from "./texts.ts";

export const roleWords = {
  role_administrator: ["administrator", "Administrator", "amministratore"],
  role_technician: ["technician", "Technik", "tecnico"],
  role_billing: ["billing", "Abrechnung", "fatturazione"],
  role_viewer: ["viewer", "Nur ansehen", "sola lettura"],
  role_auditor: ["auditor", "Prüfung", "revisore"],
  ownRoles: ["Own roles", "Eigene Rollen", "Ruoli propri"],
  ownRolesHelp: [
    "A role is a set of permissions. It is given to users for all customers, one customer or one site.",
    "Eine Rolle ist eine Menge von Berechtigungen. Benutzer erhalten sie für alle Kunden, einen Kunden oder einen Standort.",
    "Un ruolo è un insieme di autorizzazioni. Si assegna agli utenti per tutti i clienti, un cliente o una sede.",
  ],
  newRole: ["New role", "Neue Rolle", "Nuovo ruolo"],
  roleName: ["Name of the role", "Name der Rolle", "Nome del ruolo"],
  permissions: ["Permissions", "Berechtigungen", "Autorizzazioni"],
  usedBy: ["Used", "Verwendet", "Usato"],
  editRole: ["Change the role", "Rolle ändern", "Modifica il ruolo"],
  makeRole: ["Make the role", "Rolle anlegen", "Crea il ruolo"],
  removeRole: ["Remove the role", "Rolle entfernen", "Rimuovi il ruolo"],
  replacement: ["Who has it gets", "Wer sie hat, erhält", "Chi lo ha riceve"],
  noReplacement: ["nothing", "nichts", "nulla"],
  mayReadFleet: [
    "See devices, supplies, alerts, agents",
    "Geräte, Material, Meldungen, Agenten sehen",
    "Vedere dispositivi, materiali, avvisi, agenti",
  ],
  mayReadMeters: ["See and export meters", "Zähler sehen und exportieren", "Vedere ed esportare i contatori"],
  mayManageBilling: [
    "Make statements and correct meters",
    "Abrechnungen erstellen, Zähler korrigieren",
    "Creare rendiconti e correggere contatori",
  ],
  mayManageAlerts: ["Set when alerts are raised", "Festlegen, ab wann gemeldet wird", "Stabilire quando segnalare"],
  mayHandleAlerts: ["Acknowledge alerts", "Meldungen quittieren", "Confermare avvisi"],
  mayRunTasks: [
    "Start scans, readings, pings, diagnostics",
    "Scans, Lesungen, Pings, Diagnosen starten",
    "Avviare scansioni, letture, ping, diagnostica",
  ],
  mayOpenWebAccess: [
    "Open the web page of a device",
    "Webseite eines Geräts öffnen",
    "Aprire la pagina web di un dispositivo",
  ],
  mayManageAgents: [
    "Activate, configure, revoke agents",
    "Agenten aktivieren, konfigurieren, sperren",
    "Attivare, configurare, revocare agenti",
  ],
  mayManageUpdates: [
    "Roll out and pause new versions of agents",
    "Neue Versionen der Agenten ausrollen und anhalten",
    "Distribuire e sospendere nuove versioni degli agenti",
  ],
  mayManageCustomers: [
    "Make, rename, close customers and sites",
    "Kunden und Standorte anlegen, umbenennen, schließen",
    "Creare, rinominare, chiudere clienti e sedi",
  ],
  mayManageNotifications: [
    "Make rules of notifications, and webhooks",
    "Regeln für Benachrichtigungen und Webhooks anlegen",
    "Creare regole di notifica e webhook",
  ],
  mayManageFeeds: [
    "Send what is known of devices to other systems",
    "Daten der Geräte an andere Systeme senden",
    "Inviare i dati dei dispositivi ad altri sistemi",
  ],
  mayManageUsers: [
    "Invite and deactivate users, give roles",
    "Benutzer einladen, deaktivieren, Rollen vergeben",
    "Invitare e disattivare utenti, assegnare ruoli",
  ],
  mayShareViews: ["Share saved views", "Gespeicherte Ansichten teilen", "Condividere le viste salvate"],
  mayApprove: [
    "Approve web access and tasks of others",
    "Webzugriffen und Aufgaben anderer zustimmen",
    "Approvare accessi web e attività di altri",
  ],
  mayReadAudit: [
    "See and export the audit log",
    "Prüfprotokoll sehen und exportieren",
    "Vedere ed esportare il registro di controllo",
  ],
  mayReadTrust: ["See the trust centre", "Vertrauenszentrum sehen", "Vedere il centro fiducia"],
  maySignAgreements: ["Sign agreements", "Vereinbarungen unterschreiben", "Firmare accordi"],
  mayManageData: [
    "Export and erase all data",
    "Alle Daten exportieren und löschen",
    "Esportare e cancellare tutti i dati",
  ],
} as const satisfies Texts;

/** What each permission is called. */
export const permissionWords = {
  readFleet: "mayReadFleet",
  readMeters: "mayReadMeters",
  manageBilling: "mayManageBilling",
  handleAlerts: "mayHandleAlerts",
  manageAlerts: "mayManageAlerts",
  runTasks: "mayRunTasks",
  openWebAccess: "mayOpenWebAccess",
  approve: "mayApprove",
  manageAgents: "mayManageAgents",
  manageUpdates: "mayManageUpdates",
  manageCustomers: "mayManageCustomers",
  manageNotifications: "mayManageNotifications",
  manageFeeds: "mayManageFeeds",
  manageUsers: "mayManageUsers",
  shareViews: "mayShareViews",
  readAudit: "mayReadAudit",
  readTrust: "mayReadTrust",
  signAgreements: "maySignAgreements",
  manageData: "mayManageData",
} as const satisfies Record<Permission, keyof typeof roleWords>;
