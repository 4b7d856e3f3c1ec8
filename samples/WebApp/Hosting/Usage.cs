namespace WebApp.Hosting;

internal static class Usage
{
    public const string Text = """
        Usage: WebApp [--urls URL] [--Model:Path FILE] [--Serving:QueueLength N] ...

        A service that answers multiple-choice questions, with a page to ask on and a page that shows training.
        Without --urls it listens on http://127.0.0.1:5080. Every setting of the README's table can be given like this,
        in appsettings.json, or as an environment variable (Model__Path). Ctrl+C finishes what was accepted, and ends.
        """;
}
