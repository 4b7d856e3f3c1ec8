using System.Runtime.CompilerServices;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Moka.Tests.Trainers;

/// <summary>Fit with a folder that the state of training is saved to.</summary>
public sealed class CheckpointFolderTests(TunedModel tuned)
{
    [Theory]
    [InlineData(0, 2)]
    [InlineData(3600, 0)]
    public void The_interval_between_two_checkpoints_is_an_option(int seconds, int savesBetweenSteps)
    {
        using var folder = new TemporaryFolder();
        var saves = 0;
        var options = tuned.FewSteps;
        options.NumberOfSteps = 3;
        options.CheckpointFolder = folder.File("run");
        options.CheckpointInterval = TimeSpan.FromSeconds(seconds);
        options.Progress = _ =>
        {
            foreach (var path in States())
            {
                saves++;
                File.Delete(path);
            }
        };

        tuned.Pipeline(tuned.Context, options).Fit(tuned.Train);

        Assert.Equal(savesBetweenSteps, saves);
        Assert.Single(States());
        options.CheckpointInterval = TimeSpan.FromSeconds(-1);
        var error = Assert.Throws<ArgumentException>(() => tuned.Pipeline(tuned.Context, options));
        Assert.Contains("CheckpointInterval is -00:00:01", error.Message, StringComparison.Ordinal);

        string[] States() => Directory.Exists(folder.File("run")) ? Directory.GetFiles(folder.File("run"), "training-*.safetensors") : [];
    }

    [Fact]
    public void A_second_run_on_a_checkpoint_folder_is_refused_while_the_first_is_going_on()
    {
        using var folder = new TemporaryFolder();
        var refusals = 0;
        var options = tuned.FewSteps;
        options.CheckpointFolder = folder.File("run");
        options.Progress = _ =>
        {
            var error = Assert.Throws<InvalidOperationException>(() => tuned.Pipeline(tuned.Context, Second()).Fit(tuned.Train));
            Assert.Contains($"'{folder.File("run")}'", error.Message, StringComparison.Ordinal);
            refusals++;
        };

        tuned.Pipeline(tuned.Context, options).Fit(tuned.Train);

        Assert.Equal(2, refusals);
        Assert.Matches("training-[0-9a-f]+[.]safetensors$", Assert.Single(Directory.GetFileSystemEntries(folder.File("run"))));
        var second = Second();
        second.CheckpointFolder = folder.File("other");
        tuned.Pipeline(tuned.Context, second).Fit(tuned.Train);

        MokaTrainer.Options Second()
        {
            var other = tuned.FewSteps;
            other.CheckpointFolder = folder.File("run");
            return other;
        }
    }

    [Fact]
    public void AnInterruptedFitGoesOnToTheSameModel()
    {
        using var folder = new TemporaryFolder();
        using var source = new CancellationTokenSource();
        var test = tuned.Context.Data.LoadFromEnumerable(Row.Make(20, seed: 2));
        var options = tuned.Options;
        options.NumberOfSteps = 10;
        options.Seed = 5;
        using var whole = tuned.Pipeline(tuned.Context, options).Fit(tuned.Train);

        options.CheckpointFolder = folder.File("run");
        options.CancellationToken = source.Token;
        options.Progress = p =>
        {
            if (p.Step == 4)
                source.Cancel();
        };
        Assert.ThrowsAny<OperationCanceledException>(() => tuned.Pipeline(tuned.Context, options).Fit(tuned.Train));
        var steps = new List<int>();
        options.CancellationToken = default;
        options.Progress = p => steps.Add(p.Step);
        using var resumed = tuned.Pipeline(tuned.Context, options).Fit(tuned.Train);

        Assert.Equal([5, 6, 7, 8, 9, 10], steps);
        Assert.Equal(TunedModel.Scores(whole.Transform(test)), TunedModel.Scores(resumed.Transform(test)));
    }

    /// <summary>One estimator, fitted on other rows each time: each fold has a state of its own, and an interrupted fold goes on from it.</summary>
    [Fact]
    public void FoldsOfACrossValidationHaveTheirCheckpointsBesideEachOther()
    {
        using var folder = new TemporaryFolder();
        var options = tuned.FewSteps;
        options.CheckpointFolder = folder.File("run");
        var steps = 0;
        options.Progress = _ => steps++;

        var results = tuned.Context.MulticlassClassification.CrossValidate(tuned.Train, tuned.Pipeline(tuned.Context, options), numberOfFolds: 3);
        foreach (var result in results)
            (result.Model as IDisposable)?.Dispose();
        Assert.Equal(3, Directory.GetFiles(folder.File("run"), "training-*.safetensors").Length);
        Assert.Equal(6, steps);

        foreach (var result in tuned.Context.MulticlassClassification.CrossValidate(tuned.Train, tuned.Pipeline(tuned.Context, options), numberOfFolds: 3))
            (result.Model as IDisposable)?.Dispose();
        // Finished runs are not made again.
        Assert.Equal(6, steps);
    }
}
