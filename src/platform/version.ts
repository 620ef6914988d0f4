import manifest from "../../package.json" with { type: "json" };

/** Version of this deployment. */
export const VERSION: string = manifest.version;
