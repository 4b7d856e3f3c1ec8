using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Tests.Models;

/// <summary>A file that stays open cannot be replaced on Windows, and one that is mapped ends the process when it is cut off; Linux shows both.</summary>
public sealed class MappedFilesTests(TunedModel tuned) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(BackboneQuantization.NF4)]
    [InlineData(BackboneQuantization.None)]
    public void NoFileOfTheBackboneStaysOpenAfterLoading(BackboneQuantization quantization)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Only Linux has /proc/self/maps.");
        var options = tuned.FewSteps;
        options.BackbonePath = TinyBackbone.Write(_folder.File("mapped"), seed: 41);
        options.Quantization = quantization;

        using var model = tuned.Pipeline(tuned.Context, options).Fit(tuned.Train).LastTransformer;

        Assert.DoesNotContain(_folder.Path, Open(), StringComparison.Ordinal);
        Assert.All(TunedModel.Scores(model.Transform(tuned.Train)), score => Assert.True(float.IsFinite(score[0])));
    }

    [Fact]
    public void AnOpenCheckpointIsOpenUntilItIsDisposedAndNeverMapped()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Only Linux has /proc/self/maps.");
        var files = BackboneSource.Open(TinyBackbone.Write(_folder.File("open"), seed: 42)).Files;
        var checkpoint = Moka.Checkpoints.Checkpoint.Open(files);
        Assert.Contains(_folder.Path, Open(), StringComparison.Ordinal);
        Assert.True(checkpoint["model.embed_tokens.weight"].Data.Span.Length > 0);
        Assert.DoesNotContain(_folder.Path, File.ReadAllText("/proc/self/maps"), StringComparison.Ordinal);

        checkpoint.Dispose();
        checkpoint.Dispose();
        SharedBackbone.FingerprintOf(files);

        Assert.DoesNotContain(_folder.Path, Open(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("model.safetensors")]
    [InlineData("model.gguf")]
    public void AFileThatIsCutOffWhileItIsReadIsAnErrorThatNamesIt(string name)
    {
        var folder = TinyBackbone.Write(_folder.File("cut"), seed: 43);
        var path = Path.Combine(folder, name);
        if (name != "model.safetensors")
            tuned.Context.Model.SaveGguf(folder, null, path, new GgufOptions { PreTokenizer = "llama-bpe" });
        using var checkpoint = Moka.Checkpoints.Checkpoint.Open(BackboneSource.Open(name == "model.safetensors" ? folder : path).Files);
        var names = checkpoint.Names.ToList();
        using (var file = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
            file.SetLength(file.Length / 2);

        var errors = 0;
        foreach (var tensor in names)
        {
            try
            {
                _ = checkpoint[tensor].Data.Span.Length;
            }
            catch (InvalidDataException e)
            {
                Assert.Contains(path, e.Message, StringComparison.Ordinal);
                Assert.Contains("cut off while it was read", e.Message, StringComparison.Ordinal);
                errors++;
            }
        }
        Assert.InRange(errors, 1, names.Count - 1);
    }

    [Fact]
    public void OnlyThePartThatIsAskedForIsReadAndManyThreadsReadTheSame()
    {
        var bytes = Enumerable.Range(0, 1 << 20).Select(i => (byte)(i * 7)).ToArray();
        File.WriteAllBytes(_folder.File("bytes"), bytes);
        using var content = FileContent.Open(_folder.File("bytes"));
        var slice = content.Slice(1000, bytes.Length - 1000);
        var before = GC.GetAllocatedBytesForCurrentThread();

        Assert.True(FileContent.Part(slice[500..], 100, 50).SequenceEqual(bytes.AsSpan(1600, 50)));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 10_000);
        Parallel.For(0, 100, i => Assert.True(slice.Span[(i * 1000)..].SequenceEqual(bytes.AsSpan(1000 + i * 1000))));
        Assert.True(FileContent.Part(slice[500..], 100, 50).SequenceEqual(bytes.AsSpan(1600, 50)));
    }

    private static string Open() => string.Join('\n', Directory.GetFiles("/proc/self/fd").Select(path => new FileInfo(path).LinkTarget));
}
