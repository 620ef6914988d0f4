import { render } from "preact";
import { loadConfig } from "./config.ts";
import { failureInWords } from "./failure-words.ts";
import { followAddress } from "./routes.ts";
import { SignIn } from "./sign-in.ts";
import { App } from "./ui/app.tsx";
import { NoServer, SignInNotSetUp } from "./ui/welcome.tsx";

async function start(page: Element): Promise<void> {
  const config = await loadConfig();
  if (!config.ok) {
    render(
      <NoServer message={failureInWords(config.failure)} onRetry={() => void start(page)} />,
      page,
    );
    return;
  }
  const { clientId } = config.value;
  if (clientId === null) {
    render(<SignInNotSetUp config={config.value} />, page);
    return;
  }
  const signIn = new SignIn(config.value, clientId);
  const problem = await signIn.resume();
  followAddress();
  render(<App config={config.value} signIn={signIn} problem={problem} />, page);
}

const page = document.querySelector("#page");
if (page !== null) void start(page);
