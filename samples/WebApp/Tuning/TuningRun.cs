using EverydayWorld;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Moka;
using WebApp.Answers;
using WebApp.Hosting;

namespace WebApp.Tuning;

/// <summary>One training run: it trains on a thread of its own, and others look at where it stands.</summary>
public sealed class TuningRun(int number, TuningRequest request, float learningRate, Action changed) : IDisposable
{
    private const int TestQuestions = 200;
    private const int BatchTokens = 512;
    private const int ValidationInterval = 10;
    private const double ValidationFraction = 0.15;

    private readonly MLContext _mlContext = new(request.Seed);
    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _lock = new();
    private readonly List<TuningPoint> _points = [];
    private TuningState _state = new(number, TuningPhase.Preparing, 0, []);
    private ITransformer? _model;
    private DataViewSchema? _schema;

    public int Number => number;

    public bool IsOver => _state.Phase is TuningPhase.Finished or TuningPhase.Stopped or TuningPhase.Failed or TuningPhase.InService;

    /// <summary>What made it fail; null where nothing did.</summary>
    public Exception? Failure { get; private set; }

    /// <summary>Whether it came to a model that can be put into service.</summary>
    public bool HasModel => IsOver && _model is not null;

    /// <summary>Where it stands, with the points of the curve from <paramref name="first"/> on.</summary>
    public TuningState StateFrom(int first)
    {
        lock (_lock)
            return _state with { First = first, Points = [.. _points.Skip(first)] };
    }

    /// <summary>Ends training after the step under way, with the best weights so far.</summary>
    public void Stop()
    {
        Update(state => state.Phase is TuningPhase.Preparing or TuningPhase.Training ? state with { Phase = TuningPhase.Stopping } : state);
        _stop.Cancel();
    }

    /// <summary>Trains; returns when all is over, also when it failed.</summary>
    public void Run()
    {
        try
        {
            var train = TrainingQuestions.Make(Part.Training, request.Questions, request.Seed);
            var test = _mlContext.Data.LoadFromEnumerable(TrainingQuestions.Make(Part.Test, TestQuestions, seed: 0));
            using (var untuned = Fit(train, epochs: 0))
                Update(state => state with { Untuned = Accuracy(untuned, test) });
            _model = Fit(train, request.Epochs);
            Update(state => state with { Phase = TuningPhase.Evaluating });
            var tuned = Accuracy(_model, test);
            Update(state => state with { Phase = _stop.IsCancellationRequested ? TuningPhase.Stopped : TuningPhase.Finished, Tuned = tuned });
        }
        catch (OperationCanceledException)
        {
            Update(state => state with { Phase = TuningPhase.Stopped, Error = "Stopped before the first step: there is nothing to keep." });
        }
        catch (Exception e)
        {
            Failure = e;
            Update(state => state with { Phase = TuningPhase.Failed, Error = PublicMessage.Of(e) });
        }
    }

    /// <summary>Writes the model; an earlier file stays whole until the new one has taken its place.</summary>
    public void Save(string path)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        _mlContext.Model.SaveAtomically(_model ?? throw new InvalidOperationException("The run has no model yet."), _schema, path);
    }

    public void SetInService(string version) => Update(state => state with { Phase = TuningPhase.InService, Version = version });

    public void Dispose()
    {
        (_model as IDisposable)?.Dispose();
        _stop.Dispose();
    }

    private TransformerChain<MokaTransformer> Fit(List<QuestionRow> rows, int epochs)
    {
        var data = _mlContext.Data.LoadFromEnumerable(rows);
        _schema = data.Schema;
        var marks = _mlContext.Data.LoadFromEnumerable(QuestionRow.Marks.Select(mark => new { Label = mark }));
        return _mlContext.Transforms.Conversion.MapValueToKey(nameof(QuestionRow.Label), keyData: marks)
            .Append(_mlContext.MulticlassClassification.Trainers.Moka(new MokaTrainer.Options
            {
                TextColumnName = nameof(QuestionRow.Text),
                CandidatesColumnName = nameof(QuestionRow.Candidates),
                PromptTemplate = new PromptTemplate(QuestionRow.Template),
                NumberOfEpochs = epochs,
                LearningRate = learningRate,
                BatchTokens = BatchTokens,
                ValidationFraction = epochs > 0 ? ValidationFraction : 0,
                ValidationInterval = ValidationInterval,
                KeepBestWhenCanceled = true,
                CancellationToken = _stop.Token,
                Progress = Add,
            }))
            .Fit(data);
    }

    private double Accuracy(ITransformer model, IDataView test) => _mlContext.MulticlassClassification.Evaluate(model.Transform(test)).MicroAccuracy;

    private void Add(TrainingProgress progress)
    {
        lock (_lock)
            _points.Add(new TuningPoint(progress.Step, progress.SmoothedLoss, progress.ValidationLoss));
        Update(state => state with
        {
            Phase = state.Phase == TuningPhase.Preparing ? TuningPhase.Training : state.Phase,
            Steps = progress.Steps,
            SecondsLeft = progress.TimeLeft.TotalSeconds,
            TokensPerSecond = progress.TokensPerSecond,
        });
    }

    private void Update(Func<TuningState, TuningState> change)
    {
        lock (_lock)
            _state = change(_state);
        changed();
    }
}
