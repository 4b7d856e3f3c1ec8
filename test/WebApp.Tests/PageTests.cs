using System.Text.RegularExpressions;
using Deque.AxeCore.Playwright;
using Microsoft.Playwright;

namespace WebApp.Tests;

public sealed partial class PageTests(TunedModels models, Browser browser)
{
    private readonly List<string> _complaints = [];

    [Fact]
    public async Task AQuestionIsAskedByKeyboardAlone()
    {
        await using var service = await RunningService.Start(models.First);
        var page = await Open(service, "/");

        await page.GetByLabel("Question").FocusAsync();
        await page.Keyboard.TypeAsync("What is the bell made of?");
        await page.Keyboard.PressAsync("Tab");
        await page.Keyboard.TypeAsync("wood");
        await page.Keyboard.PressAsync("Tab");
        await page.Keyboard.TypeAsync("metal");
        await page.Keyboard.PressAsync("Tab");
        Assert.Equal("Add a choice", await Focused(page));
        await page.Keyboard.PressAsync("Enter");
        Assert.Equal("Choice 3", await Focused(page));
        await page.Keyboard.TypeAsync("glass");
        await page.Keyboard.PressAsync("Enter");

        await Assertions.Expect(page.GetByRole(AriaRole.Status).Filter(new() { HasText = "Likeliest: " })).ToHaveCountAsync(1);
        var expected = await service.Ask("What is the bell made of?", "wood", "metal", "glass");
        await Assertions.Expect(page.Locator("#verdict")).ToHaveTextAsync(expected.Choices[expected.Best].Text);
        await Assertions.Expect(page.Locator("#bars .text")).ToHaveTextAsync(["wood", "metal", "glass"]);
        await Assertions.Expect(page.Locator("#bars .share"))
            .ToHaveTextAsync(expected.Choices.Select(choice => FormattableString.Invariant($"{100 * choice.Probability:0.0} %")));
        Assert.Empty(_complaints);
    }

    [Fact]
    public async Task WhatIsTypedIsNeverMarkup()
    {
        const string Attack = "<img src=x onerror=\"document.title='attacked'\"><b>bold</b>";
        await using var service = await RunningService.Start(models.First);
        var page = await Open(service, "/");

        await page.GetByLabel("Question").FillAsync(Attack);
        await page.GetByLabel("Choice 1", new() { Exact = true }).FillAsync(Attack + "1");
        await page.GetByLabel("Choice 2", new() { Exact = true }).FillAsync(Attack + "2");
        await page.GetByRole(AriaRole.Button, new() { Name = "Weigh the choices" }).ClickAsync();

        await Assertions.Expect(page.Locator("#bars .text")).ToHaveTextAsync([Attack + "1", Attack + "2"]);
        Assert.Equal(0, await page.Locator("#answer img, #answer b").CountAsync());
        Assert.Equal("Ask · Moka", await page.TitleAsync());
        Assert.Empty(_complaints);
    }

    [Fact]
    public async Task AnInlineScriptDoesNotRun()
    {
        await using var service = await RunningService.Start(models.First);
        var page = await Open(service, "/");

        await page.EvaluateAsync(
            "() => { const s = document.createElement('script'); s.textContent = \"document.title = 'attacked'\"; document.body.append(s); }");

        Assert.Equal("Ask · Moka", await page.TitleAsync());
        Assert.Contains(_complaints, complaint => complaint.Contains("Content Security Policy", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(390)]
    [InlineData(1280)]
    public async Task TheChartCanBeReadAtTheWidthOfATelephone(int width)
    {
        await using var service = await RunningService.Start(models.First);
        var page = await Open(service, "/training.html");
        await page.SetViewportSizeAsync(width, 844);
        await page.EvaluateAsync("async () => (await import('/chart.js')).draw(document.getElementById('chart'), " +
            "[{step: 1, loss: 2, validation: null}, {step: 380, loss: 0.5, validation: 0.6}], 380, null)");

        var heights = await page.EvaluateAsync<double[]>(
            "() => [...document.querySelectorAll('#chart text')].map(text => text.getBoundingClientRect().height)");
        Assert.NotEmpty(heights);
        Assert.All(heights, height => Assert.InRange(height, 11, 24));
        Assert.False(await page.EvaluateAsync<bool>("""
            () => {
              const boxes = [...document.querySelectorAll('#chart text')].map(text => text.getBoundingClientRect());
              return boxes.some((a, i) => boxes.some((b, j) => i < j && a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom));
            }
            """));
        Assert.True(await page.EvaluateAsync<bool>("() => document.documentElement.scrollWidth <= window.innerWidth"));
    }

    [Fact]
    public async Task AWrongFieldLeavesTheFormInItsPlace()
    {
        await using var service = await RunningService.Start(models.First);
        var page = await Open(service, "/training.html");
        var before = await Tops(page);

        await page.GetByLabel("Questions", new() { Exact = true }).FillAsync("1.5");
        await page.GetByLabel("Seed").FillAsync("");
        await page.GetByRole(AriaRole.Button, new() { Name = "Start training" }).ClickAsync();

        await Assertions.Expect(page.Locator("#questions-error")).ToHaveTextAsync("Give a whole number.");
        Assert.Equal(before, await Tops(page));

        static Task<double[]> Tops(IPage page) =>
            page.EvaluateAsync<double[]>(
                "() => [...document.querySelectorAll('#form input, #form button')].map(part => part.getBoundingClientRect().top + window.scrollY)");
    }

    [Fact]
    public async Task WhatIsMissingIsToldBesideTheFieldAndFocused()
    {
        await using var service = await RunningService.Start(models.First);
        var page = await Open(service, "/");

        await page.GetByLabel("Choice 1", new() { Exact = true }).FillAsync("same");
        await page.GetByLabel("Choice 2", new() { Exact = true }).FillAsync("same");
        await page.GetByRole(AriaRole.Button, new() { Name = "Weigh the choices" }).ClickAsync();

        await Assertions.Expect(page.Locator("#question-error")).ToHaveTextAsync("Write a question.");
        await Assertions.Expect(page.Locator("#choices-error")).ToHaveTextAsync("Two choices are the same.");
        await Assertions.Expect(page.GetByLabel("Question")).ToBeFocusedAsync();
        await Assertions.Expect(page.GetByLabel("Question")).ToHaveAccessibleDescriptionAsync("Write a question.");
        Assert.Equal("true", await page.GetByLabel("Choice 2", new() { Exact = true }).GetAttributeAsync("aria-invalid"));
    }

    [Fact]
    public async Task ARunIsStartedWatchedStoppedAndPutIntoService()
    {
        await using var service = await RunningService.Start(models.First);
        var before = service.Version;
        var page = await Open(service, "/training.html");

        await page.GetByLabel("Questions", new() { Exact = true }).FillAsync("10");
        await page.GetByRole(AriaRole.Button, new() { Name = "Start training" }).PressAsync("Enter");
        await Assertions.Expect(page.GetByLabel("Questions", new() { Exact = true })).ToHaveAccessibleDescriptionAsync("Give a number from 64 to 5000.");
        await page.GetByLabel("Questions", new() { Exact = true }).FillAsync("64");
        await page.GetByLabel("Epochs").FillAsync("50");
        await page.GetByRole(AriaRole.Button, new() { Name = "Start training" }).PressAsync("Enter");

        await Assertions.Expect(page.Locator("#phase")).ToHaveTextAsync("Training");
        await Assertions.Expect(page.GetByRole(AriaRole.Status).Filter(new() { HasText = "Training, step" })).ToHaveCountAsync(1);
        await Assertions.Expect(page.Locator("#chart .dot.best")).ToHaveCountAsync(1);
        await Assertions.Expect(page.Locator("#left")).ToHaveTextAsync(Seconds());
        await page.GetByRole(AriaRole.Button, new() { Name = "Stop and keep the best" }).PressAsync("Enter");
        await Assertions.Expect(page.Locator("#phase")).ToHaveTextAsync("Stopped");
        await Assertions.Expect(page.Locator("#tuned")).ToContainTextAsync("%");

        await page.GetByRole(AriaRole.Button, new() { Name = "Put into service" }).PressAsync("Enter");
        await Assertions.Expect(page.Locator("#phase")).ToContainTextAsync("In service as");
        await Assertions.Expect(page.Locator("#phase")).ToContainTextAsync(service.Version!);
        await Assertions.Expect(page.Locator("#model")).ToHaveTextAsync($"Model {service.Version} in service");
        Assert.NotEqual(before, service.Version);
        Assert.DoesNotContain(_complaints, complaint => !complaint.Contains("400", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(ColorScheme.Light)]
    [InlineData(ColorScheme.Dark)]
    public async Task BothPagesAreAccessibleAndPictured(ColorScheme scheme)
    {
        // With the folder named, the pictures of the docs are taken, of a model that has learned something.
        var folder = Environment.GetEnvironmentVariable("MOKA_SCREENSHOTS");
        await using var service = await RunningService.Start(folder is null ? models.First : null);
        await RunningService.Eventually(() => service.Version is not null, seconds: 120);

        var ask = await Open(service, "/", scheme);
        await ask.Locator("#examples button").First.ClickAsync();
        await Assertions.Expect(ask.Locator("#verdict")).Not.ToBeEmptyAsync();
        await Check(ask, "ask");

        var training = await Open(service, "/training.html", scheme);
        if (folder is null)
            await training.GetByLabel("Questions", new() { Exact = true }).FillAsync("200");
        await training.GetByLabel("Seed").FillAsync("2");
        await training.GetByRole(AriaRole.Button, new() { Name = "Start training" }).ClickAsync();
        await Assertions.Expect(training.Locator("#phase")).ToHaveTextAsync("Training", new() { Timeout = 60_000 });
        await Assertions.Expect(training.Locator("#step")).ToHaveTextAsync(folder is null ? SomeSteps() : ManySteps(), new() { Timeout = 120_000 });
        await Check(training, "training");

        async Task Check(IPage page, string name)
        {
            var picture = await page.ScreenshotAsync(new PageScreenshotOptions
            {
                FullPage = true,
                Path = folder is null ? null : Path.Combine(folder, $"webapp-{name}-{scheme.ToString().ToLowerInvariant()}.png"),
            });
            Assert.True(picture.Length > 10_000);
            var result = await page.RunAxe();
            Assert.Empty(result.Violations.Where(violation => violation.Impact is "serious" or "critical")
                .Select(violation => $"{violation.Id}: {violation.Help} {string.Join("; ", violation.Nodes.Select(node => node.Html))}"));
        }
    }

    private async Task<IPage> Open(RunningService service, string path, ColorScheme scheme = ColorScheme.Light)
    {
        var page = await browser.Open(scheme, _complaints);
        await page.GotoAsync(service.Client.BaseAddress + path.TrimStart('/'));
        await Assertions.Expect(page.Locator("#model")).ToHaveTextAsync($"Model {service.Version} in service");
        return page;
    }

    private static Task<string> Focused(IPage page) =>
        page.EvaluateAsync<string>("() => document.activeElement.ariaLabel ?? document.activeElement.textContent.replace('+', '').trim()");

    [GeneratedRegex("^[0-9]+ s$")]
    private static partial Regex Seconds();

    [GeneratedRegex("^[1-9][0-9]+ of ")]
    private static partial Regex SomeSteps();

    [GeneratedRegex("^1[4-9][0-9] of ")]
    private static partial Regex ManySteps();
}
