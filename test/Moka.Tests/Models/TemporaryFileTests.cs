using Microsoft.ML.Moka.Models;

namespace Microsoft.ML.Moka.Tests.Models;

/// <summary>A large entry of a model goes through a file in the folder that the context names, and leaves none.</summary>
public sealed class TemporaryFileTests(TunedModel tuned) : IDisposable
{
    private const string ModelVariable = "MOKA_TEST_MODEL";
    private const string FolderVariable = "MOKA_TEST_FOLDER";

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>The threshold is the process' own.</summary>
    [Fact]
    public void A_large_model_loads_through_the_context_s_folder()
    {
        Directory.CreateDirectory(_folder.File("big disk"));
        FreshProcess.Run(typeof(TemporaryFileTests), nameof(Loads_with_a_low_threshold), (ModelVariable, Save()), (FolderVariable, _folder.File("big disk")));
        Assert.Empty(Directory.GetFiles(_folder.File("big disk")));
    }

    [Fact(Explicit = true)]
    public void Loads_with_a_low_threshold()
    {
        ModelEntries.LargestInMemory = 100;
        var folder = Environment.GetEnvironmentVariable(FolderVariable)!;
        Environment.SetEnvironmentVariable(OperatingSystem.IsWindows() ? "TMP" : "TMPDIR", Path.Combine(folder, "nowhere"));
        var context = new MLContext { TempFilePath = folder };
        using var loaded = (IDisposable)context.Model.Load(Environment.GetEnvironmentVariable(ModelVariable)!, out _);
        Assert.Empty(Directory.GetFiles(folder));
        var rows = context.Data.LoadFromEnumerable(Row.Make(5));
        var scores = TunedModel.Scores(((ITransformer)loaded).Transform(rows));
        Assert.All(scores, score => Assert.Equal(1, score.Sum(), 1e-5));
    }

    /// <summary>ML.NET makes a folder that is missing, where it can.</summary>
    [Theory]
    [InlineData("missing")]
    [InlineData("a file")]
    public void A_folder_that_does_not_take_it_is_told_as_that(string name)
    {
        if (name == "a file")
            File.WriteAllText(_folder.File(name), "");

        var error = Assert.Throws<IOException>(() => TemporaryFile.Of(_folder.File(name), "model.safetensors", new MemoryStream(new byte[1234])));

        Assert.StartsWith(
            $"The entry 'model.safetensors' of the model has 1,234 bytes, which go through a temporary file, and the folder '{_folder.File(name)}' does not",
            error.Message, StringComparison.Ordinal);
        Assert.Contains("Set MLContext.TempFilePath", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("damaged", error.Message, StringComparison.Ordinal);
    }

    /// <summary>As of a disk that is full while the file is written.</summary>
    [Fact]
    public void A_full_folder_is_told_as_that()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The limit of a file's size is set by a shell of Linux.");
        var (exitCode, output) = Repository.Run(
            _folder.Path, "/bin/sh", "-c", "trap '' XFSZ; ulimit -f 4000; DOTNET_EnableWriteXorExecute=0 " +
            $"exec '{Repository.DotnetPath}' exec '{typeof(TemporaryFileTests).Assembly.Location}' " +
            $"-method {typeof(TemporaryFileTests).FullName}.{nameof(Writes_more_than_there_is_room_for)} -explicit only -noColor -noLogo");
        Assert.True(exitCode == 0, output);
    }

    [Fact(Explicit = true)]
    public void Writes_more_than_there_is_room_for()
    {
        var error = Assert.Throws<IOException>(() => TemporaryFile.Of(_folder.Path, "model.safetensors", new MemoryStream(new byte[3_000_000])));
        Assert.Contains($"the folder '{_folder.Path}' does not take it", error.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(_folder.Path));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3_000_000)]
    public void The_content_is_there_until_it_is_disposed(int length)
    {
        var bytes = new byte[length + 1];
        new Random(1).NextBytes(bytes);
        var mapped = TemporaryFile.Of(_folder.Path, "x", new MemoryStream(bytes));
        Assert.Equal(bytes, mapped.Slice(0, bytes.Length).ToArray());
        if (!OperatingSystem.IsWindows())
            Assert.Empty(Directory.GetFiles(_folder.Path));
        mapped.Dispose();
        Assert.Empty(Directory.GetFiles(_folder.Path));
    }

    [Fact]
    public void What_fails_in_reading_is_no_fault_of_the_folder()
    {
        var error = Assert.Throws<InvalidDataException>(() => TemporaryFile.Of(_folder.Path, "x", new Broken()));
        Assert.Equal("cut off", error.Message);
        Assert.Empty(Directory.GetFiles(_folder.Path));
    }

    private string Save()
    {
        var options = tuned.FewSteps;
        options.SaveBackbone = true;
        using var model = tuned.Pipeline(tuned.Context, options).Fit(tuned.Train);
        tuned.Context.Model.Save(model, tuned.Train.Schema, _folder.File("model.zip"));
        return _folder.File("model.zip");
    }

    private sealed class Broken : MemoryStream
    {
        public override long Length => 10;

        public override int Read(byte[] buffer, int offset, int count) => throw new InvalidDataException("cut off");

        public override int Read(Span<byte> buffer) => throw new InvalidDataException("cut off");
    }
}
