using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Training;

namespace Microsoft.ML.Moka.Tests.Training;

public class TrainingResumeTests
{
    private static readonly TrainingPlan Plan = TinyRun.Plan with { NumberOfSteps = 9, GradientAccumulation = 2, ValidationInterval = 2 };

    private static readonly TrainingExample[] Validation = TinyRun.Examples(4, seed: 7);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_resumed_run_ends_bit_for_bit_where_an_uninterrupted_one_does(bool whole)
    {
        using var folder = new TemporaryFolder();
        var examples = TinyRun.Examples(12);
        using var straight = new TinyRun(whole, dropout: 0.1f);
        var expected = straight.Loop(Plan).Train(examples, Validation);

        // The process "dies" after each third step, and a new one starts from the initial weights.
        TrainingResult? result = null;
        var lives = 0;
        while (result is null)
        {
            using var run = new TinyRun(whole, dropout: 0.1f);
            var steps = 0;
            try
            {
                result = run.Loop(Plan, _ =>
                {
                    if (++steps == 3)
                        throw new TimeoutException();
                }, folder.File("run.safetensors")).Train(examples, Validation);
                Assert.Equal(straight.Weights(), run.Weights());
            }
            catch (TimeoutException)
            {
                lives++;
            }
        }
        Assert.Equal(3, lives);
        Assert.Equal(expected, result);
        Assert.Single(Directory.GetFileSystemEntries(folder.Path));
    }

    [Fact]
    public void A_finished_run_is_not_trained_again()
    {
        using var folder = new TemporaryFolder();
        using var first = new TinyRun();
        using var second = new TinyRun();
        var expected = first.Loop(Plan, checkpoint: folder.File("c")).Train(TinyRun.Examples(8), Validation);
        var result = second.Loop(Plan, _ => Assert.Fail("A step was made."), folder.File("c")).Train(TinyRun.Examples(8), Validation);
        Assert.Equal(expected, result);
        Assert.Equal(first.Weights(), second.Weights());
    }

    [Fact]
    public void A_cancelled_run_is_saved_and_goes_on()
    {
        using var folder = new TemporaryFolder();
        using var straight = new TinyRun();
        straight.Loop(Plan).Train(TinyRun.Examples(8));
        using var run = new TinyRun();
        using var source = new CancellationTokenSource();
        var trainer = new TrainingLoop(run.Backbone, run.Adapters, Plan)
        {
            CheckpointPath = folder.File("c"),
            Progress = p =>
            {
                if (p.Step == 4)
                    source.Cancel();
            },
        };
        Assert.Throws<OperationCanceledException>(() => trainer.Train(TinyRun.Examples(8), cancellation: source.Token));
        using var later = new TinyRun();
        var firstStep = 0;
        later.Loop(Plan, p => firstStep = firstStep == 0 ? p.Step : firstStep, folder.File("c")).Train(TinyRun.Examples(8));
        Assert.Equal(5, firstStep);
        Assert.Equal(straight.Weights(), later.Weights());
    }

    [Fact]
    public void A_checkpoint_of_another_run_or_a_damaged_one_is_refused_by_name()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("c");
        using var run = new TinyRun();
        run.Loop(Plan, checkpoint: path).Train(TinyRun.Examples(8));
        foreach (var (options, examples) in new[] { (Plan with { LearningRate = 0.01f }, TinyRun.Examples(8)), (Plan, TinyRun.Examples(9)) })
        {
            using var next = new TinyRun();
            var other = Assert.Throws<InvalidOperationException>(() => next.Loop(options, checkpoint: path).Train(examples));
            Assert.Contains(path, other.Message, StringComparison.Ordinal);
        }
        var tuned = Assert.Throws<InvalidOperationException>(() => run.Loop(Plan, checkpoint: path).Train(TinyRun.Examples(8)));
        Assert.Contains("initial values", tuned.Message, StringComparison.Ordinal);

        var file = SafetensorsFile.Open(path);
        SafetensorsTensor[] tensors = [.. file.Names.Select(n => file[n])];
        byte[] WithState(string state) =>
            SafetensorsWriter.ToBytes(tensors, new Dictionary<string, string>(file.Metadata) { ["moka_training"] = state });
        var bytes = File.ReadAllBytes(path);
        foreach (var damaged in new[]
        {
            bytes[..^1], bytes[..20], [], SafetensorsWriter.ToBytes([]), SafetensorsWriter.ToBytes(tensors[1..], file.Metadata), WithState("null"),
            WithState("{"),
            WithState("""{"Step":-1}"""), WithState("""{"Step":1000}"""), WithState("""{"Step":1,"Place":{"Epoch":0,"Batch":1000}}"""),
        })
        {
            File.WriteAllBytes(path, damaged);
            using var next = new TinyRun();
            var error = Assert.Throws<InvalidDataException>(() => next.Loop(Plan, checkpoint: path).Train(TinyRun.Examples(8)));
            Assert.Contains(path, error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Any_bit_may_flip_and_no_run_goes_on_as_another()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("c");
        using var run = new TinyRun();
        run.Loop(Plan, checkpoint: path).Train(TinyRun.Examples(8), Validation);
        var bytes = File.ReadAllBytes(path);
        var random = new Random(1);
        var refused = 0;
        for (var i = 0; i < 60; i++)
        {
            var flipped = bytes.ToArray();
            // Every other one in the header.
            flipped[random.Next(i % 2 == 0 ? bytes.Length : 8 + BitConverter.ToInt32(bytes))] ^= (byte)(1 << random.Next(8));
            File.WriteAllBytes(path, flipped);
            using var next = new TinyRun();
            try
            {
                next.Loop(Plan, checkpoint: path).Train(TinyRun.Examples(8), Validation);
                Assert.Equal(run.Weights(), next.Weights());
            }
            catch (InvalidDataException e)
            {
                Assert.Contains(path, e.Message, StringComparison.Ordinal);
                refused++;
            }
        }
        Assert.InRange(refused, 50, 60);
    }

    [Fact]
    public void A_checkpoint_of_an_earlier_version_is_refused_by_name()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("c");
        using var run = new TinyRun();
        run.Loop(Plan, checkpoint: path).Train(TinyRun.Examples(8));
        using (var file = SafetensorsFile.Read("c", File.ReadAllBytes(path)))
        {
            var metadata = file.Metadata.Where(entry => entry.Key != "moka_sha256").ToDictionary();
            File.WriteAllBytes(path, SafetensorsWriter.ToBytes(file.Names.Select(name => file[name]), metadata));
        }
        using var next = new TinyRun();

        var error = Assert.Throws<InvalidDataException>(() => next.Loop(Plan, checkpoint: path).Train(TinyRun.Examples(8)));

        Assert.Contains($"{path} has no checksum: an earlier version", error.Message, StringComparison.Ordinal);
    }
}
