using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.ML.Moka.Extensions;

namespace Microsoft.ML.Moka;

/// <summary>
/// Models by name, with prediction engines for any number of threads: ML.NET's engines are for one thread each. A watched file that changes is loaded beside
/// the model in service and takes its place when it is ready; predictions that have begun end on the old model, which is disposed after the last of them. A
/// file that cannot be loaded, or does not take such rows, changes nothing, and the log says so once.
/// </summary>
/// <typeparam name="TRow">A class with the columns that the models read; it needs no label.</typeparam>
/// <typeparam name="TPrediction">A class with the columns that are wanted of the prediction.</typeparam>
public sealed class MokaPredictionPool<TRow, TPrediction> : IDisposable
    where TRow : class
    where TPrediction : class, new()
{
    private readonly Dictionary<string, MokaServedFile<PooledModel<TRow, TPrediction>>> _models = new(StringComparer.Ordinal);

    /// <summary>Loads the models.</summary>
    /// <param name="options">Their files, and the bounds of the pool.</param>
    /// <param name="log">Told of files that are taken into service or refused, and what is odd about rows, such as texts that are cut; null for nobody.</param>
    /// <exception cref="ArgumentException">An option makes no sense.</exception>
    /// <exception cref="FileNotFoundException">A file is missing.</exception>
    /// <exception cref="FormatException">A file is no model.</exception>
    public MokaPredictionPool(MokaPredictionPoolOptions options, ILogger<MokaPredictionPool<TRow, TPrediction>>? log = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Check();
        try
        {
            foreach (var (name, path, isWatched) in options.Files)
            {
                var served = new MokaServedFileOptions { WatchForChanges = isWatched, PollInterval = options.PollInterval };
                var engines = options.MaximumEngines;
                _models.Add(name, new MokaServedFile<PooledModel<TRow, TPrediction>>(
                    path, file => new PooledModel<TRow, TPrediction>(ContextLog.NewContext(log ?? (ILogger)NullLogger.Instance, path), file, engines),
                    served, log));
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Predicts by the model that has no name.</summary>
    /// <param name="row">The row.</param>
    /// <returns>The prediction.</returns>
    /// <exception cref="ArgumentException">There is no such model.</exception>
    /// <exception cref="ObjectDisposedException">The pool was disposed.</exception>
    public TPrediction Predict(TRow row) => Predict("", row);

    /// <summary>Predicts by a model. Where all of its engines are busy, it waits for one.</summary>
    /// <param name="modelName">The model's name.</param>
    /// <param name="row">The row.</param>
    /// <returns>The prediction.</returns>
    /// <inheritdoc cref="Predict(TRow)" path="/exception"/>
    public TPrediction Predict(string modelName, TRow row)
    {
        ArgumentNullException.ThrowIfNull(row);
        using var use = Of(modelName);
        return use.Model.Predict(row);
    }

    /// <summary>Tells all labels with their names and probabilities, by the model that has no name.</summary>
    /// <param name="row">The row.</param>
    /// <returns>The labels, the likeliest first.</returns>
    /// <inheritdoc cref="Predict(TRow)" path="/exception"/>
    public LabelPrediction PredictLabels(TRow row) => PredictLabels("", row);

    /// <summary>Tells all labels with their names and probabilities.</summary>
    /// <param name="modelName">The model's name.</param>
    /// <param name="row">The row.</param>
    /// <returns>The labels, the likeliest first.</returns>
    /// <inheritdoc cref="Predict(TRow)" path="/exception"/>
    public LabelPrediction PredictLabels(string modelName, TRow row)
    {
        ArgumentNullException.ThrowIfNull(row);
        using var use = Of(modelName);
        return use.Model.PredictLabels(row);
    }

    /// <summary>Ends the watching, and disposes the models when predictions that have begun are finished.</summary>
    public void Dispose()
    {
        foreach (var model in _models.Values)
            model.Dispose();
    }

    private MokaModelUse<PooledModel<TRow, TPrediction>> Of(string modelName)
    {
        ArgumentNullException.ThrowIfNull(modelName);
        if (!_models.TryGetValue(modelName, out var model))
            throw new ArgumentException(
                modelName.Length == 0
                    ? $"The pool's models have names, and none was given: there are '{string.Join("', '", _models.Keys)}'."
                    : $"The pool has no model '{modelName}': there are '{string.Join("', '", _models.Keys)}'.",
                nameof(modelName));
        return model.Use() ?? throw new ObjectDisposedException(nameof(MokaPredictionPool<TRow, TPrediction>));
    }
}
