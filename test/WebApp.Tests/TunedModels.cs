using WebApp.Tuning;

[assembly: AssemblyFixture(typeof(WebApp.Tests.TunedModels))]

namespace WebApp.Tests;

/// <summary>Two different models, trained once for all tests; a second or so each, so that they know little.</summary>
public sealed class TunedModels : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("webapp-models-").FullName;
    private readonly Lazy<string> _first;
    private readonly Lazy<string> _second;

    public TunedModels()
    {
        _first = new(() => Make("first.zip", seed: 1));
        _second = new(() => Make("second.zip", seed: 2));
    }

    public string First => _first.Value;

    public string Second => _second.Value;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private string Make(string name, int seed)
    {
        using var run = new TuningRun(1, new TuningRequest(Questions: 64, Epochs: 1, Seed: seed), learningRate: 0.012f, () => { });
        run.Run();
        Assert.Null(run.StateFrom(0).Error);
        var path = Path.Combine(_folder, name);
        run.Save(path);
        return path;
    }
}
