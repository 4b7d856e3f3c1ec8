using WebApp.Answers;
using WebApp.Hosting;
using WebApp.Models;
using WebApp.Tuning;

namespace WebApp;

public static class Program
{
    private const string DefaultUrl = "http://127.0.0.1:5080";

    public static async Task Main(string[] args)
    {
        if (args is ["--help" or "-h" or "-?"])
            Console.WriteLine(Usage.Text);
        else
            await Build(args).RunAsync();
    }

    /// <summary>The service, not started yet.</summary>
    public static WebApplication Build(params string[] args)
    {
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { Args = args, ContentRootPath = AppContext.BaseDirectory });
        if (builder.Configuration["urls"] is null && builder.Configuration["http_ports"] is null)
            builder.WebHost.UseUrls(DefaultUrl);
        builder.AddErrorPages();
        builder.AddLimits();
        builder.AddTelemetry();
        builder.AddModels();
        builder.AddAnswers();
        builder.AddTuning();

        var app = builder.Build();
        app.UseErrorPages();
        app.UseLimits();
        app.UseBrowserSecurity();
        app.UseTrainingAccess();
        app.UsePages();
        app.UseRequestTimeouts();
        app.MapHealth();
        app.MapModels();
        app.MapAnswers();
        app.MapTuning();
        return app;
    }
}
