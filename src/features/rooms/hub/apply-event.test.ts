import { applyEventSuite } from "../../../testing/apply-event-suite.ts";
import { memoryRoomsState } from "../../../testing/memory-rooms-state.ts";

applyEventSuite((test) => test(memoryRoomsState));
