// Terminals open <web app>/terminal/connect#key=…, with this page as the web app where HAPPY_WEBAPP_URL names it
// (sync.md §2.3).
import { placeLink } from "./routes.ts";

const [, key = ""] = location.hash.split("#key=");
location.replace(`/${placeLink("sync", key === "" ? null : `pair-${key}`)}`);
