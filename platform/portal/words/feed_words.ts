/** Texts of feeds to other systems. Pure. */
import type { Texts } from "./texts.ts";

export const feedWords = {
  feeds: ["Feeds", "Weitergabe", "Invio dati"],
  feedsHelp: [
    "What is known of devices is sent to these systems. Certificates, topics and other settings are given with the command opendca-platform feed create.",
    "Was über Geräte bekannt ist, wird an diese Systeme gesendet. Zertifikate, Topics und weitere Einstellungen gibt der Befehl opendca-platform feed create an.",
    "Ciò che è noto dei dispositivi viene inviato a questi sistemi. Certificati, topic e altre impostazioni si indicano con il comando opendca-platform feed create.",
  ],
  feedAdd: ["Add a feed", "Weitergabe hinzufügen", "Aggiungere un invio"],
  feedAddress: ["Address of the system", "Adresse des Systems", "Indirizzo del sistema"],
  feedAddressHelp: [
    "Such as https://glpi.example.com/front/inventory.php, zabbixs://zabbix.example.com or mqtts://broker.example.com.",
    "Etwa https://glpi.example.com/front/inventory.php, zabbixs://zabbix.example.com oder mqtts://broker.example.com.",
    "Ad esempio https://glpi.example.com/front/inventory.php, zabbixs://zabbix.example.com o mqtts://broker.example.com.",
  ],
  feedUser: ["User there (GLPI, MQTT)", "Benutzer dort (GLPI, MQTT)", "Utente in quel sistema (GLPI, MQTT)"],
  feedPassword: ["Password there", "Passwort dort", "Password in quel sistema"],
  feed_active: ["active", "aktiv", "attivo"],
  feed_paused: ["paused", "angehalten", "sospeso"],
  feed_removing: ["being removed", "wird entfernt", "in rimozione"],
  feedDevices: ["Devices", "Geräte", "Dispositivi"],
  feedLast: ["Last success", "Zuletzt erfolgreich", "Ultimo successo"],
  feedOutcome: ["Result", "Ergebnis", "Risultato"],
  feedSent: [
    "{count, plural, =0 {nothing had changed} one {# device sent} other {# devices sent}}",
    "{count, plural, =0 {nichts geändert} one {# Gerät gesendet} other {# Geräte gesendet}}",
    "{count, plural, =0 {nessuna modifica} one {# dispositivo inviato} other {# dispositivi inviati}}",
  ],
  feedNotYet: ["not sent yet", "noch nicht gesendet", "non ancora inviato"],
  feedPause: ["Pause", "Anhalten", "Sospendere"],
  feedResume: ["Resume", "Fortsetzen", "Riprendere"],
  feedRefresh: ["Send everything", "Alles senden", "Inviare tutto"],
  feedRemove: ["Remove", "Entfernen", "Rimuovere"],
} as const satisfies Texts;
