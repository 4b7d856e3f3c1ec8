using System.Net;
using System.Net.Http.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.ML.Moka;
using WebApp.Answers;
using WebApp.Models;

namespace WebApp.Tests;

/// <summary>The service on a free loopback port, with a copy of a model in a folder of its own.</summary>
internal sealed class RunningService : IAsyncDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("webapp-");

    private RunningService(string? model, string[] settings)
    {
        if (model is not null)
            File.Copy(model, ModelPath);
        App = Program.Build(
            ["--urls", "http://127.0.0.1:0", $"--Model:Path={ModelPath}", "--Model:PollMilliseconds=20", "--Logging:LogLevel:Default=None", .. settings]);
    }

    public WebApplication App { get; }

    public HttpClient Client { get; private set; } = new();

    public string ModelPath => Path.Combine(_folder.FullName, "model.zip");

    public string? Version => App.Services.GetRequiredService<MokaServedFile<QuestionModel>>().Version;

    /// <summary>Starts it, and waits for the model where there is one.</summary>
    public static async Task<RunningService> Start(string? model, params string[] settings)
    {
        var service = new RunningService(model, settings);
        await service.App.StartAsync();
        // Where it listens everywhere, it is asked here.
        var address = $"http://127.0.0.1:{service.App.Urls.First().Split(':')[^1]}";
        service.Client = new HttpClient(new SocketsHttpHandler
        {
            MaxConnectionsPerServer = 1000,
            PooledConnectionLifetime = TimeSpan.FromMinutes(1),
        }) { BaseAddress = new Uri(address) };
        if (model is not null)
            await Eventually(() => service.Version is not null);
        return service;
    }

    public static async Task Eventually(Func<bool> condition, int seconds = 30)
    {
        for (var deadline = DateTime.UtcNow.AddSeconds(seconds); !condition(); await Task.Delay(10))
            Assert.True(DateTime.UtcNow < deadline, "It did not come about.");
    }

    public Task<HttpResponseMessage> Post(string question, params string[] choices) =>
        Client.PostAsJsonAsync("/api/answers", new { question, choices });

    public async Task<AnswerResponse> Ask(string question, params string[] choices)
    {
        using var response = await Post(question, choices);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        return (await response.Content.ReadFromJsonAsync<AnswerResponse>())!;
    }

    /// <summary>Puts another file in the place of the model, at once.</summary>
    public void Replace(string file)
    {
        File.Copy(file, ModelPath + ".new", overwrite: true);
        File.SetLastWriteTimeUtc(ModelPath + ".new", DateTime.UtcNow);
        File.Move(ModelPath + ".new", ModelPath, overwrite: true);
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await App.DisposeAsync();
        _folder.Delete(recursive: true);
    }
}
