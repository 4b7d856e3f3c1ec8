using Microsoft.Playwright;

[assembly: AssemblyFixture(typeof(WebApp.Tests.Browser))]

namespace WebApp.Tests;

/// <summary>The machine's own Chromium, started once for all tests; Playwright never downloads one.</summary>
public sealed class Browser : IAsyncDisposable
{
    private const string Missing = "There is no Chromium: install it (Debian: apt-get install chromium), or name one in CHROMIUM_PATH.";

    private static readonly string[] Candidates =
        [Environment.GetEnvironmentVariable("CHROMIUM_PATH") ?? "", "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

    private readonly Lazy<Task<IBrowser>> _browser;
    private IPlaywright? _playwright;

    public Browser() => _browser = new(Launch);

    /// <summary>A tab that has no memory of others. What its pages complain about goes to <paramref name="complaints"/>.</summary>
    public async Task<IPage> Open(ColorScheme scheme, List<string> complaints)
    {
        Assert.SkipUnless(Candidates.Any(File.Exists), Missing);
        var browser = await _browser.Value;
        var context = await browser.NewContextAsync(new BrowserNewContextOptions
        {
            ColorScheme = scheme,
            ViewportSize = new ViewportSize { Width = 1180, Height = 860 },
            ReducedMotion = ReducedMotion.Reduce,
        });
        context.SetDefaultTimeout(20_000);
        var page = await context.NewPageAsync();
        page.Console += (_, message) =>
        {
            if (message.Type is "error" or "warning")
                complaints.Add(message.Text);
        };
        page.PageError += (_, error) => complaints.Add(error);
        return page;
    }

    public async ValueTask DisposeAsync()
    {
        if (_browser.IsValueCreated)
            await (await _browser.Value).DisposeAsync();
        _playwright?.Dispose();
    }

    private async Task<IBrowser> Launch()
    {
        _playwright = await Playwright.CreateAsync();
        return await _playwright.Chromium.LaunchAsync(new BrowserTypeLaunchOptions
        {
            ExecutablePath = Candidates.First(File.Exists),
            Headless = true,
            Args =
            [
                "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
            ],
        });
    }
}
