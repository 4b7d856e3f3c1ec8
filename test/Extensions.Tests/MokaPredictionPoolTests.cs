using System.Collections.Concurrent;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Microsoft.ML.Moka.Tests.Extensions;

/// <summary>Pools of prediction engines over models that are replaced while they are in use.</summary>
public sealed class MokaPredictionPoolTests(TwoModels models) : IClassFixture<TwoModels>, IDisposable
{
    private static readonly Ticket Asked = new() { Text = "The parcel never came." };

    private readonly string _folder = Directory.CreateTempSubdirectory("pool").FullName;
    private readonly ConcurrentQueue<(LogLevel Level, string Text)> _log = new();

    private string Served => Path.Combine(_folder, "model.zip");

    private IEnumerable<string> Errors => _log.Where(line => line.Level >= LogLevel.Error).Select(line => line.Text);

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Rows_without_a_label_are_predicted_on_many_threads_as_on_one()
    {
        File.Copy(models.First, Served);
        using var pool = Pool(options => options.MaximumEngines = 2);
        string[] texts = [.. Enumerable.Range(0, 24).Select(i => $"ticket {i}: where is it?")];
        var expected = texts.Select(text => Flat(models.Ask(models.First, text))).ToList();
        var found = new string[texts.Length];
        Parallel.For(0, texts.Length, new ParallelOptions { MaxDegreeOfParallelism = 8 }, i =>
            found[i] = Flat(pool.Predict(new Ticket { Text = texts[i] }).Score));
        Assert.Equal(expected, found);
        var told = pool.PredictLabels(Asked);
        Assert.Equal(pool.Predict(Asked).Score.OrderDescending(), told.Labels.Select(label => label.Probability));
        Assert.Equal(["money", "parcel"], told.Labels.Select(label => label.Label).Order());
    }

    [Fact]
    public async Task A_file_that_takes_its_place_is_served_and_no_prediction_is_lost()
    {
        File.Copy(models.First, Served);
        using var pool = Pool();
        using var end = new CancellationTokenSource();
        string[] known = [Flat(models.Ask(models.First, Asked.Text)), Flat(models.Ask(models.Second, Asked.Text))];
        Assert.NotEqual(known[0], known[1]);
        var asking = Enumerable.Range(0, 3).Select(_ => Task.Run(() =>
        {
            while (!end.IsCancellationRequested)
                Assert.Contains(Flat(pool.Predict(Asked).Score), known);
        })).ToArray();
        for (var swap = 0; swap < 4; swap++)
        {
            Put(swap % 2 == 0 ? models.Second : models.First);
            Until(() => Flat(pool.Predict(Asked).Score) == known[1 - swap % 2]);
        }
        end.Cancel();
        await Task.WhenAll(asking).WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Empty(Errors);
    }

    [Fact]
    public void A_file_behind_a_link_and_one_written_in_place_are_noticed()
    {
        if (OperatingSystem.IsWindows())
            Assert.Skip("Links need rights there.");
        File.Copy(models.First, Path.Combine(_folder, "v1.zip"));
        File.Copy(models.Second, Path.Combine(_folder, "v2.zip"));
        File.CreateSymbolicLink(Served, Path.Combine(_folder, "v1.zip"));
        using var pool = Pool();
        File.CreateSymbolicLink(Path.Combine(_folder, "next"), Path.Combine(_folder, "v2.zip"));
        File.Move(Path.Combine(_folder, "next"), Served, overwrite: true);
        Until(() => IsServed(pool, models.Second));
        // Written anew, under the same name.
        File.WriteAllBytes(Path.Combine(_folder, "v2.zip"), File.ReadAllBytes(models.First));
        Until(() => IsServed(pool, models.First));
    }

    /// <summary>As Kubernetes mounts a volume: the file is a link into a folder that is a link itself, and that one is renamed over.</summary>
    [Fact]
    public void A_folder_that_is_linked_elsewhere_is_noticed()
    {
        if (OperatingSystem.IsWindows())
            Assert.Skip("Links need rights there.");
        foreach (var (version, model) in ((string, string)[])[("..v1", models.First), ("..v2", models.Second)])
        {
            Directory.CreateDirectory(Path.Combine(_folder, version));
            File.Copy(model, Path.Combine(_folder, version, "model.zip"));
        }
        Directory.CreateSymbolicLink(Path.Combine(_folder, "..data"), "..v1");
        File.CreateSymbolicLink(Served, Path.Combine("..data", "model.zip"));
        using var pool = Pool();
        Assert.True(IsServed(pool, models.First));
        foreach (var (version, model) in ((string, string)[])[("..v2", models.Second), ("..v1", models.First)])
        {
            // A link that is made beside the old one and renamed over it: at no moment is there none.
            Directory.CreateSymbolicLink(Path.Combine(_folder, "..data_tmp"), version);
            Rename(Path.Combine(_folder, "..data_tmp"), Path.Combine(_folder, "..data"));
            Until(() => IsServed(pool, model));
        }
        // The folder that was in service before may go.
        Directory.Delete(Path.Combine(_folder, "..v2"), recursive: true);
        Assert.True(IsServed(pool, models.First));
        Assert.Empty(Errors);
    }

    [Fact]
    public void What_cannot_be_served_changes_nothing_and_is_said_once()
    {
        File.Copy(models.First, Served);
        using var pool = Pool();
        var whole = File.ReadAllBytes(models.Second);
        File.WriteAllBytes(Served, whole[..(whole.Length / 2)]);
        Until(() => Errors.Any());
        File.WriteAllBytes(Served, whole[..(whole.Length * 2 / 3)]);
        Thread.Sleep(300);
        Assert.Single(Errors);
        Assert.True(IsServed(pool, models.First));
        // A byte of an entry is another one.
        var damaged = (byte[])whole.Clone();
        damaged[whole.Length / 2] ^= 1;
        Put(damaged);
        Until(() => Errors.Count() == 2);
        // A model that reads other columns.
        Put(models.OfCities);
        Until(() => Errors.Count() == 3);
        Assert.Contains("City", Errors.Last(), StringComparison.Ordinal);
        File.Delete(Served);
        Until(() => Errors.Count() == 4);
        Assert.True(IsServed(pool, models.First));
        File.WriteAllBytes(Served, whole);
        Until(() => IsServed(pool, models.Second));
        Assert.Equal(4, Errors.Count());
    }

    [Fact]
    public void A_container_gives_the_pool_and_its_models_by_name()
    {
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddMokaPredictionPool<Ticket, Answer>().FromFile(models.First).FromFile("next", models.Second, watchForChanges: true);
        MokaPredictionPool<Ticket, Answer> pool;
        using (var provider = services.BuildServiceProvider())
        {
            pool = provider.GetRequiredService<MokaPredictionPool<Ticket, Answer>>();
            Assert.Same(pool, provider.GetRequiredService<MokaPredictionPool<Ticket, Answer>>());
            Assert.Equal(Flat(models.Ask(models.First, Asked.Text)), Flat(pool.Predict(Asked).Score));
            Assert.Equal(Flat(models.Ask(models.Second, Asked.Text)), Flat(pool.Predict("next", Asked).Score));
            Assert.Contains("'next'", Assert.Throws<ArgumentException>(() => pool.Predict("last", Asked)).Message, StringComparison.Ordinal);
        }
        Assert.Throws<ObjectDisposedException>(() => pool.Predict(Asked));
    }

    /// <summary>A service has no context to listen to: what a context tells stands in its log.</summary>
    [Fact]
    public void What_is_odd_about_rows_is_in_the_log_once()
    {
        File.Copy(models.First, Served);
        using var pool = Pool(options => options.MaximumEngines = 2);
        var tooLong = new Ticket { Text = string.Concat(Enumerable.Repeat("where is it? ", 1000)) };
        for (var i = 0; i < 3; i++)
        {
            pool.Predict(tooLong);
            pool.PredictLabels(tooLong);
        }
        var (level, text) = Assert.Single(_log, line => line.Text.Contains("lost their beginning", StringComparison.Ordinal));
        Assert.Equal((LogLevel.Warning, true), (level, text.StartsWith(Served, StringComparison.Ordinal)));
    }

    [Fact]
    public void Options_that_make_no_sense_are_refused()
    {
        Assert.Throws<ArgumentException>(() => new MokaPredictionPool<Ticket, Answer>(new MokaPredictionPoolOptions()));
        var options = new MokaPredictionPoolOptions().FromFile("a", models.First);
        Assert.Throws<ArgumentException>(() => options.FromFile("a", models.Second));
        options.MaximumEngines = 0;
        Assert.Throws<ArgumentException>(() => new MokaPredictionPool<Ticket, Answer>(options));
        Assert.Throws<FileNotFoundException>(() => new MokaPredictionPool<Ticket, Answer>(new MokaPredictionPoolOptions().FromFile(Served)));
    }

    private static string Flat(float[] score) => string.Join(' ', score.Select(value => BitConverter.SingleToUInt32Bits(value)));

    // .NET renames no link to a folder over another.
    private static void Rename(string from, string to)
    {
        using var mv = System.Diagnostics.Process.Start("mv", ["-T", from, to]);
        mv.WaitForExit();
        Assert.Equal(0, mv.ExitCode);
    }

    private static void Until(Func<bool> condition) => Assert.True(SpinWait.SpinUntil(
        () =>
        {
            Thread.Sleep(10);
            return condition();
        },
        TimeSpan.FromSeconds(30)));

    private bool IsServed(MokaPredictionPool<Ticket, Answer> pool, string path) => Flat(pool.Predict(Asked).Score) == Flat(models.Ask(path, Asked.Text));

    private void Put(string path) => Put(File.ReadAllBytes(path));

    private void Put(byte[] content)
    {
        File.WriteAllBytes($"{Served}.tmp", content);
        File.Move($"{Served}.tmp", Served, overwrite: true);
    }

    private MokaPredictionPool<Ticket, Answer> Pool(Action<MokaPredictionPoolOptions>? change = null)
    {
        var options = new MokaPredictionPoolOptions { PollInterval = TimeSpan.FromMilliseconds(20) }.FromFile(Served, watchForChanges: true);
        change?.Invoke(options);
        return new MokaPredictionPool<Ticket, Answer>(options, new Listener(_log));
    }

    private sealed class Listener(ConcurrentQueue<(LogLevel Level, string Text)> log) : ILogger<MokaPredictionPool<Ticket, Answer>>
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            log.Enqueue((logLevel, formatter(state, exception)));
    }
}
