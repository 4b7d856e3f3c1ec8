using Microsoft.ML.Moka.Reliability;
using Microsoft.ML.Moka.Reliability.Fuzzing;

namespace Microsoft.ML.Moka.Tests.Reliability;

/// <summary>The fuzzer's promises, with the same inputs each time: what fails here is a fault that was not there before.</summary>
public sealed class FuzzTests
{
    [Fact]
    public void MutatedInputsBreakNoPromise()
    {
        using var samples = Samples.InFixedFolder();
        var corpus = Path.Combine(AppContext.BaseDirectory, "corpus");
        var targets = Targets.All(samples);

        var broken = targets.SelectMany(target => FuzzRun.Short(target, corpus).Broken.Select(what => $"./build.sh fuzz short {target.Name}\n{what}"))
            .ToList();

        Assert.True(Directory.Exists(corpus));
        Assert.Equal(19, targets.Count);
        Assert.Empty(broken);
    }

    [Fact]
    public void AFaultIsFound()
    {
        using var samples = Samples.InFixedFolder();
        var whole = samples.BackboneFiles()["config.json"];

        // A reader that takes what is not what it was, and one that trips over its own feet.
        var wrong = FuzzRun.Short(new Target("a", [whole], bytes => _ = bytes.SequenceEqual(whole) ? 0 : throw new WrongException("other")), "none");
        var fault = FuzzRun.Short(new Target("b", [whole], bytes => _ = bytes[whole.Length - 1]), "none");

        Assert.Single(wrong.Broken);
        Assert.Contains(fault.Broken, what => what.Contains(nameof(IndexOutOfRangeException), StringComparison.Ordinal));
        foreach (var broken in wrong.Broken.Concat(fault.Broken))
            File.Delete(broken.Split(": ")[0]);
    }
}
