import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { terminalKeyIn } from "../sync/pairing-link.ts";

/** The part of the Shape Detection API that is used. Some browsers have it, and TypeScript does not know it. */
type Detector = {
  readonly detect: (video: HTMLVideoElement) => Promise<readonly { readonly rawValue: string }[]>;
};
type DetectorClass = new (options: { readonly formats: readonly string[] }) => Detector;

/** Pause between two looks at the camera's picture, milliseconds. */
const LOOK_EVERY_MS = 200;

function detectorClass(): DetectorClass | undefined {
  return (globalThis as { readonly BarcodeDetector?: DetectorClass }).BarcodeDetector;
}

/** Whether this browser can read such pictures. A browser without a secure connection has no camera. */
export function canScan(): boolean {
  const { mediaDevices } = navigator as { readonly mediaDevices?: MediaDevices };
  return detectorClass() !== undefined && mediaDevices !== undefined;
}

/** The camera's picture, until a terminal's link is in it. Other codes are ignored. */
export function CameraScan({ onFound }: { readonly onFound: (link: string) => void }): JSX.Element {
  const video = useRef<HTMLVideoElement>(null);
  const problem = useSignal("");
  useEffect(() => {
    const ended = new AbortController();
    void (async () => {
      try {
        const link = await look(video, ended.signal);
        if (link !== null && !ended.signal.aborted) onFound(link);
      } catch {
        problem.value = "The camera cannot be used here. Paste the link instead.";
      }
    })();
    return () => ended.abort();
  }, []);
  return (
    <div class="sync-camera">
      {problem.value === "" ? (
        <video ref={video} muted playsInline aria-label="Picture of the camera" />
      ) : (
        <p class="field-error" role="alert">
          {problem.value}
        </p>
      )}
    </div>
  );
}

/** @returns null: it was ended. Rejects when there is no camera, or its use was refused */
async function look(
  video: { readonly current: HTMLVideoElement | null },
  ended: AbortSignal,
): Promise<string | null> {
  const Detector = detectorClass();
  if (Detector === undefined) throw new Error("no detector");
  const stream = await navigator.mediaDevices.getUserMedia({
    video: { facingMode: "environment" },
  });
  try {
    const detector = new Detector({ formats: ["qr_code"] });
    if (video.current === null) return null;
    video.current.srcObject = stream;
    await video.current.play();
    while (!ended.aborted && video.current !== null) {
      const codes = await detector.detect(video.current);
      const link = codes.find(({ rawValue }) => terminalKeyIn(rawValue) !== null);
      if (link !== undefined) return link.rawValue;
      await new Promise((resolve) => {
        setTimeout(resolve, LOOK_EVERY_MS);
      });
    }
    return null;
  } finally {
    for (const track of stream.getTracks()) track.stop();
  }
}
