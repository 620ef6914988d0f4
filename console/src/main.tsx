import { render } from "preact";
import { loadConfig } from "./config.ts";
import { failureInWords } from "./failure-words.ts";
import { followAddress } from "./routes.ts";
import { SignIn } from "./sign-in.ts";
import { App } from "./ui/app.tsx";
import { NoServer } from "./ui/welcome.tsx";

async function start(page: Element): Promise<void> {
  const config = await loadConfig();
  if (!config.ok) {
    render(
      <NoServer message={failureInWords(config.failure)} onRetry={() => void start(page)} />,
      page,
    );
    return;
  }
  const { guild } = config.value;
  const clientId = guild?.clientId ?? null;
  const signIn = guild === null || clientId === null ? null : new SignIn(guild, clientId);
  const problem = await signIn?.resume();
  followAddress();
  render(<App config={config.value} signIn={signIn} problem={problem} />, page);
}

const page = document.querySelector("#page");
if (page !== null) void start(page);
