using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Jobs;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Tests.Backbones;

/// <summary>A worker that would compute something else than the program is refused, with the reason.</summary>
public sealed class JobBackboneTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Another_backbone_at_the_same_path_is_not_taken()
    {
        var path = TinyBackbone.Write(_folder.File("backbone"));
        var job = Job(path, SharedBackbone.FingerprintOf(BackboneSource.Open(path).Files));
        Assert.Equal(path, job.Find(null).Files.Location);

        TinyBackbone.Write(path, seed: 2);

        var message = Assert.Throws<InvalidOperationException>(() => job.Find(null)).Message;
        Assert.Contains(path, message, StringComparison.Ordinal);
        Assert.Contains(SharedBackbone.FingerprintOf(BackboneSource.Open(path).Files), message, StringComparison.Ordinal);
        // One that is elsewhere on the worker's machine is.
        var elsewhere = TinyBackbone.Write(_folder.File("elsewhere"));
        Assert.Equal(elsewhere, job.Find(_ => elsewhere).Files.Location);
    }

    [Fact]
    public void Another_backbone_inside_the_package_is_not_taken() =>
        Assert.Contains("use one version", Assert.Throws<InvalidOperationException>(() => Job(null, "0123").Find(null)).Message, StringComparison.Ordinal);

    [Fact]
    public void Other_arithmetic_is_not_taken_unless_it_is_allowed()
    {
        // Of its own, for other tests load the usual one meanwhile.
        var path = TinyBackbone.Write(_folder.File("backbone"), seed: 4711);
        var job = Job(path, SharedBackbone.FingerprintOf(BackboneSource.Open(path).Files));

        var message = Assert.Throws<InvalidOperationException>(() => Load(job with { Arithmetic = "abacus" })).Message;

        Assert.Contains("'abacus'", message, StringComparison.Ordinal);
        Assert.DoesNotContain(SharedBackbone.Shares, share => share.Key.StartsWith(job.Fingerprint, StringComparison.Ordinal) && share.Value > 0);
        using var allowed = Load(job);
        using var same = Load(job with { Arithmetic = allowed.Backbone.Backend.Arithmetic });
        Assert.True(same.IsSameAs(allowed));
    }

    [Fact]
    public void Another_version_and_an_unknown_kind_are_refused()
    {
        var version = Assert.Throws<InvalidOperationException>(() => Open(TrainingKind, $"{JobKinds.Version}1")).Message;
        Assert.Contains($"{JobKinds.Version}1", version, StringComparison.Ordinal);
        Assert.Contains("'weaving'", Assert.Throws<InvalidOperationException>(() => Open("weaving", JobKinds.Version)).Message, StringComparison.Ordinal);
    }

    private static string TrainingKind => Microsoft.ML.Moka.Trainers.TrainingJob.Kind;

    private static JobBackbone Job(string? path, string fingerprint) => new(path, fingerprint, BackboneQuantization.NF4, MokaPrecision.Float32, null);

    private static SharedBackbone Load(JobBackbone job) =>
        job.Load(job.Find(null), Device.Choose(null, fallbackToCpu: true, BackendProvider.Installed), CancellationToken.None);

    private static IDisposable Open(string kind, string version) =>
        JobKinds.Open(new MLContext(), kind, version, new Dictionary<string, byte[]>(), CancellationToken.None);
}
