using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Orleans.Grains;

namespace Microsoft.ML.Moka.Orleans.Serving;

/// <summary>The models that a silo serves, and the thread that asks them.</summary>
internal sealed class ModelHost : IDisposable
{
    private readonly MLContext _context;
    private readonly MokaServingOptions _options;
    private readonly ILogger<ModelHost> _log;
    private readonly ConcurrentDictionary<string, MokaServedFile<ServedModel>> _models = new(StringComparer.Ordinal);
    private readonly WaitingTexts _waiting;
    private readonly CancellationTokenSource _end = new();
    private readonly Thread _thread;
    private long _texts;
    private long _batches;

    public ModelHost(MLContext context, MokaServingOptions options, ILogger<ModelHost> log)
    {
        options.Check();
        (_context, _options, _log, _waiting) = (context, options, log, new WaitingTexts(options));
        _thread = new Thread(Compute) { IsBackground = true, Name = "Moka models" };
        _thread.Start();
    }

    /// <summary>How many texts were answered, and in how many batches.</summary>
    public (long Texts, long Batches) Done => (Interlocked.Read(ref _texts), Interlocked.Read(ref _batches));

    /// <summary>Loads a model, and looks after its file.</summary>
    /// <exception cref="FileNotFoundException">There is none of that name.</exception>
    /// <exception cref="InvalidDataException">It cannot be served; the message says why.</exception>
    public void Open(string name)
    {
        var path = PathOf(name);
        MokaServedFile<ServedModel> file;
        try
        {
            var watching = new MokaServedFileOptions { WatchForChanges = true, PollInterval = _options.PollInterval };
            file = new MokaServedFile<ServedModel>(path, stream => new ServedModel(_context, stream), watching, _log);
        }
        catch (Exception e) when (e is not FileNotFoundException)
        {
            throw new InvalidDataException($"'{path}' cannot be served: {e.Message}", e);
        }
        Close(name);
        _models[name] = file;
    }

    /// <summary>Frees a model; texts that it has been asked for are answered first.</summary>
    public void Close(string name)
    {
        if (_models.TryRemove(name, out var file))
            file.Dispose();
    }

    public MokaServedFile<ServedModel> Find(string name) => _models[name];

    /// <exception cref="MokaTenantLimitException">The tenant has too many texts under way.</exception>
    public async Task<IReadOnlyList<LabelPrediction>> Predict(string name, IReadOnlyList<string> texts, string tenant)
    {
        using var use = _models[name].Use()!;
        WaitingText[] asked = [.. texts.Select(text => new WaitingText(use.Model, text, tenant))];
        _waiting.Add(tenant, asked);
        return await Task.WhenAll(asked.Select(text => text.Labels.Task)).ConfigureAwait(false);
    }

    /// <summary>What speaks for the silo when a model is to have a place.</summary>
    public ModelOffer Offer(string name)
    {
        string path;
        try
        {
            path = PathOf(name);
        }
        catch (FileNotFoundException)
        {
            return new ModelOffer(false, false, _models.Count);
        }
        return new ModelOffer(true, BackboneOfFile.Read(path) is { } backbone && IsInMemory(backbone), _models.Count);
    }

    public void Dispose()
    {
        _end.Cancel();
        _thread.Join();
        foreach (var name in _models.Keys)
            Close(name);
        _waiting.Dispose();
        _end.Dispose();
    }

    private static bool IsInMemory(string backbone) =>
        SharedBackbone.Shares.Any(share => share.Value > 0 && share.Key.StartsWith($"{backbone} ", StringComparison.Ordinal));

    /// <summary>The file of a model; no name leads out of the folder.</summary>
    private string PathOf(string name)
    {
        var path = Path.Combine(_options.ModelsFolder, $"{name}.zip");
        if (Path.GetFileName(name) == name && name.Length > 0 && File.Exists(path))
            return path;
        string[] names = [.. Directory.EnumerateFiles(_options.ModelsFolder, "*.zip").Select(file => Path.GetFileNameWithoutExtension(file)).Order()];
        throw new FileNotFoundException(
            $"There is no model '{name}' in '{_options.ModelsFolder}'; there {(names.Length == 0 ? "is none" : $"are: {string.Join(", ", names)}")}.");
    }

    private void Compute()
    {
        try
        {
            while (true)
                Answer(_waiting.Take(_end.Token));
        }
        catch (OperationCanceledException)
        {
            // The silo ends.
        }
    }

    private void Answer(IReadOnlyList<WaitingText> batch)
    {
        IReadOnlyList<LabelPrediction>? labels = null;
        Exception? error = null;
        try
        {
            labels = ServedModel.Predict([.. batch.Select(text => (text.Model, text.Text))]);
        }
        catch (Exception e)
        {
            // Whoever asked is told.
            error = e;
        }
        Interlocked.Add(ref _texts, batch.Count);
        Interlocked.Increment(ref _batches);
        for (var i = 0; i < batch.Count; i++)
        {
            _waiting.Answered(batch[i]);
            if (error is null)
                batch[i].Labels.SetResult(labels![i]);
            else
                batch[i].Labels.SetException(error);
        }
    }
}
