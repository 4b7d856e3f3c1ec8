namespace Microsoft.ML.Moka.Tests.Extensions;

/// <summary>What a service makes of a file that is replaced: here, its text.</summary>
public sealed class MokaServedFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("served").FullName;
    private readonly List<Read> _made = [];
    private readonly List<bool> _exchanged = [];

    private string FilePath => Path.Combine(_folder, "text.txt");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_file_need_not_be_there_from_the_beginning()
    {
        Assert.Throws<FileNotFoundException>(() => Serve(isRequired: true));
        using var served = Serve(isRequired: false);
        Assert.Null(served.Use());
        Assert.Equal((null, null), (served.Version, served.Refusal));
        File.WriteAllText(FilePath, "one");
        served.Refresh();
        using var use = served.Use();
        Assert.Equal(("one", served.Version), (use!.Model.Text, use.Version));
        Assert.Equal([true], _exchanged);
    }

    [Fact]
    public void A_model_stays_until_the_last_use_of_it_is_over()
    {
        File.WriteAllText(FilePath, "one");
        var served = Serve(isRequired: true);
        var (first, again) = (served.Use()!, served.Use()!);
        File.WriteAllText(FilePath, "two");
        served.Refresh();
        Assert.NotEqual(first.Version, served.Version);
        using (var second = served.Use()!)
            Assert.Equal(("two", "one"), (second.Model.Text, first.Model.Text));
        first.Dispose();
        first.Dispose();
        Assert.False(_made[0].IsDisposed);
        again.Dispose();
        Assert.True(_made[0].IsDisposed);
        var last = served.Use()!;
        served.Dispose();
        served.Dispose();
        Assert.Null(served.Use());
        Assert.False(_made[1].IsDisposed);
        last.Dispose();
        Assert.True(_made[1].IsDisposed);
    }

    [Fact]
    public void What_is_refused_is_told_until_something_better_is_there()
    {
        File.WriteAllText(FilePath, "one");
        using var served = Serve(isRequired: true);
        var version = served.Version;
        for (var look = 0; look < 2; look++)
        {
            File.WriteAllText(FilePath, "bad");
            served.Refresh();
            Assert.Equal("It is bad.", served.Refusal?.Message);
        }
        Assert.Equal(version, served.Version);
        File.Delete(FilePath);
        served.Refresh();
        Assert.IsType<FileNotFoundException>(served.Refusal);
        // The same again, which is in service still.
        File.WriteAllText(FilePath, "one");
        served.Refresh();
        Assert.Equal((null, version), (served.Refusal, served.Version));
        using var use = served.Use();
        Assert.Equal("one", use!.Model.Text);
        Assert.Equal([false, false], _exchanged.Take(2));
        Assert.Throws<ArgumentException>(() => new MokaServedFile<Read>(FilePath, Make, new() { PollInterval = TimeSpan.Zero }));
    }

    private MokaServedFile<Read> Serve(bool isRequired) =>
        new(FilePath, Make, new MokaServedFileOptions { IsRequired = isRequired, Exchanged = _exchanged.Add });

    private Read Make(Stream file)
    {
        var text = new StreamReader(file).ReadToEnd();
        if (text == "bad")
            throw new InvalidDataException("It is bad.");
        _made.Add(new Read(text));
        return _made[^1];
    }

    private sealed class Read(string text) : IDisposable
    {
        public string Text => text;

        public bool IsDisposed { get; private set; }

        public void Dispose() => IsDisposed = true;
    }
}
