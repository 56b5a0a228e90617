/** What the inventory decided, as it is reported to the platform. */
import type { DeviceEvidence } from "../../common/reading/device_evidence.ts";
import { type DeviceEvent, DeviceEventKind } from "../../proto/gen/opendca/v1/batch.ts";
import type { MaskableField } from "../../common/reading/maskable_fields.ts";
import type { InventoryEvent, InventoryEventType } from "../store/inventory_event.ts";

const kinds: Partial<Record<InventoryEventType, DeviceEventKind>> = {
  deviceAdded: DeviceEventKind.APPEARED,
  deviceMoved: DeviceEventKind.ADDRESS_CHANGED,
  deviceReplaced: DeviceEventKind.REPLACED,
  deviceMerged: DeviceEventKind.MERGED,
  meterWentBack: DeviceEventKind.METER_WENT_BACK,
};

export interface EventPlace {
  address: string;
  evidence: DeviceEvidence;
  mask: readonly MaskableField[];
}

/** Undefined for what the platform decides by itself from the evidence, such as conflicts of identity. */
export function maybeDeviceEvent({ type, details }: InventoryEvent, place: EventPlace): DeviceEvent | undefined {
  const kind = kinds[type];
  if (kind === undefined) return undefined;
  const previous = typeof details.previousAddress === "string" ? details.previousAddress : undefined;
  return deviceEvent(kind, {
    ...place,
    message: type === "meterWentBack"
      ? `The meter "${String(details.meter)}" went from ${String(details.before)} to ${String(details.after)}`
      : sentences[kind] ?? "",
    ...(kind === DeviceEventKind.ADDRESS_CHANGED && previous !== undefined ? { previousAddress: previous } : {}),
    ...(kind === DeviceEventKind.MERGED ? { mergedDeviceKey: String(details.mergedDeviceId) } : {}),
  });
}

const sentences: Partial<Record<DeviceEventKind, string>> = {
  [DeviceEventKind.APPEARED]: "A device that was not known answered",
  [DeviceEventKind.ADDRESS_CHANGED]: "The device answered at another address",
  [DeviceEventKind.REPLACED]: "Another device answers at this address",
  [DeviceEventKind.MERGED]: "Two devices of the inventory turned out to be one",
  [DeviceEventKind.OFFLINE]: "The device is silent at its address and was not found elsewhere",
  [DeviceEventKind.ONLINE]: "The device answers again",
};

/** The event with what the policy masks left out. */
export function deviceEvent(
  kind: DeviceEventKind,
  options: EventPlace & { message?: string; previousAddress?: string; mergedDeviceKey?: string },
): DeviceEvent {
  const { evidence, mask, address, previousAddress, mergedDeviceKey } = options;
  const hides = (field: MaskableField) => mask.includes(field);
  return {
    kind,
    address: hides("address") ? "" : address,
    previousAddress: hides("address") ? undefined : previousAddress,
    evidence: {
      serial: hides("serial") ? undefined : evidence.serial ?? undefined,
      engineId: hides("engineId") ? undefined : evidence.engineId ?? undefined,
      macs: hides("mac") ? [] : evidence.macs,
      manufacturer: evidence.maker ?? undefined,
      model: evidence.model ?? undefined,
    },
    message: options.message ?? sentences[kind] ?? "",
    mergedDeviceKey,
  };
}
