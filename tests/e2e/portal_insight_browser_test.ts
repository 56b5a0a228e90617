/** Forecasts, raised alerts and charts in Chromium: drawn, moved through by keyboard, and accessible. */
import assert from "node:assert/strict";
import { AlertSeverity, LevelKind, type Reading, WhyNotTaken } from "../../proto/gen/opendca/v1/reading.ts";
import { watchAlerts } from "../../platform/alerts/alert_watch.ts";
import { peerTest } from "../fixtures/peers.ts";
import { readingOf } from "../fixtures/platform_uploads.ts";
import { portalScene } from "../platform/portal_scene.ts";
import { lookAt, newPage, startChromium } from "./chromium.ts";

const dayMs = 86_400_000;

/** Ten weeks of one printer: it prints on workdays, black is replaced once, and the meter falls once. */
function weeks(now: number): Reading[] {
  const readings: Reading[] = [];
  let total = 40_000;
  for (let day = 70; day >= 1; day--) {
    const at = new Date(now - day * dayMs), isWork = at.getUTCDay() % 6 !== 0;
    if (isWork) total += 200 + day * 7 % 90;
    if (day === 20) total = 900;
    const used = (perDay: number, from: number) => Math.max(4, Math.round(from - (70 - day) * perDay));
    const black = day > 45 ? used(2.4, 70) : Math.max(4, Math.round(100 - (45 - day) * 1.9));
    const reading = readingOf({ address: "10.1.0.7", serial: "SER10000", total, observedAt: at });
    reading.meters[0]!.others = [{
      oid: "1.3.6.1.4.1.2435.2.3.9.4.2.1.5.5.10.0",
      rule: "brother.counter",
      value: total + 1300,
      unit: undefined,
      raw: undefined,
      why: WhyNotTaken.LOWER_PRIORITY,
    }];
    readings.push({
      ...reading,
      supplies: [
        supply(1, "black", black),
        supply(2, "cyan", used(0.9, 92)),
        supply(3, "magenta", used(1.2, 95)),
        supply(4, "yellow", used(0.5, 60)),
      ],
      trays: [{
        index: "1.1",
        name: "Tray 1",
        media: "a4",
        level: { kind: LevelKind.EXACT, percent: 55, level: 275, capacity: 500, unit: "sheets" },
      }],
      alerts: day > 2 ? [] : [{
        severity: AlertSeverity.CRITICAL,
        code: 8,
        group: "mediaPath",
        description: "Paper jam in tray 1",
        since: undefined,
      }],
    } as unknown as Reading);
  }
  return readings;
}

function supply(index: number, colorant: string, percent: number) {
  return {
    index: `1.${index}`,
    kind: "toner",
    colorant,
    description: `${colorant} toner`,
    partNumber: `TN-${index}`,
    level: { kind: LevelKind.EXACT, percent, level: percent, capacity: 100, unit: "percent" },
    source: { oid: `1.3.6.1.2.1.43.11.1.1.9.1.${index}`, rule: "rfc3805", raw: undefined },
    others: [{
      oid: `1.3.6.1.4.1.2435.2.3.9.4.2.1.5.5.8.0`,
      rule: "brother.maintenance",
      value: percent + index,
      why: WhyNotTaken.LOWER_PRIORITY,
    }],
  };
}

peerTest(
  "charts, forecasts and alerts in Chromium: by keyboard, light and dark, wide and narrow",
  ["chromium"],
  async () => {
    await using scene = await portalScene();
    const [device] = await scene.devices(scene.acme, scene.berlin, weeks(scene.platform.clock.now().getTime()));
    const [fresh] = await scene.devices(scene.acme, scene.bonn, Array.from({ length: 6 }, (_, n) => jammed(n)));
    await watchAlerts(scene.platform.platform, { isSlow: true });
    const user = await scene.signedIn("eva@partner.example");
    const browser = await startChromium();
    try {
      const page = await newPage(browser), customer = `${scene.origin}/customers/${scene.acme}`;
      await page.setCookie({
        name: "__Host-opendca-session",
        value: user.cookies.get("__Host-opendca-session")!,
        domain: "localhost",
        path: "/",
        secure: true,
        httpOnly: true,
      });
      await lookAt(page, { name: "insight-device", url: `${customer}/devices/${device}` });
      await page.waitForSelector(".chart canvas");
      await page.waitForFunction("document.querySelectorAll('.chart canvas').length === 2");
      await page.focus(".chart");
      for (const key of ["ArrowLeft", "ArrowLeft", "+", "ArrowRight", "-", "0"] as const) {
        await page.keyboard.press(
          key,
        );
      }
      const said = await page.$eval(".chart + p[role=status]", (element) => element.textContent!);
      assert.match(said, /UTC: total [\d,]+/);
      await lookAt(page, { name: "insight-year", url: `${customer}/devices/${device}?range=all&meter=print.color` });
      // Known for a moment only: it is in the middle of its day.
      await page.goto(`${customer}/devices/${fresh}`);
      await page.waitForSelector(".chart canvas");
      await page.focus(".chart");
      await page.keyboard.press("ArrowLeft");
      const [cursor, width] = await page.$eval(".chart .u-over", (over) => {
        const { left, width } = over.getBoundingClientRect();
        return [over.querySelector(".u-cursor-x")!.getBoundingClientRect().left - left, width] as const;
      });
      assert(Math.abs(cursor - width / 2) < 3, `${cursor} of ${width}`);
      await lookAt(page, { name: "insight-days", url: `${customer}/supplies?view=days&within=90` });
      await lookAt(page, { name: "insight-alerts", url: `${customer}/alerts` });
      await lookAt(page, { name: "insight-group", url: `${customer}/alerts?kind=deviceSilent&group=` });
      const link = await page.goto(`${customer}/alerts`).then(() =>
        page.$$eval(
          "td a",
          (links) => links.find(({ textContent }) => textContent!.includes("Paper jam in tray 1"))!.href,
        )
      );
      await lookAt(page, { name: "insight-alert", url: link });
      await page.type("#note", "technician is on the way");
      await Promise.all([page.waitForNavigation(), page.click("main form button")]);
      assert.match(await page.$eval("main", (element) => element.textContent!), /technician is on the way/);
      await lookAt(page, { name: "insight-overview", url: `${scene.origin}/` });
    } finally {
      await browser.close();
    }
  },
);

function jammed(n: number): Reading {
  return {
    ...readingOf({ address: `10.2.0.${n + 1}`, serial: `JAM${n}` }),
    alerts: [{
      severity: AlertSeverity.CRITICAL,
      code: 3,
      group: "cover",
      description: "Cover open",
      since: undefined,
    }],
  } as unknown as Reading;
}
