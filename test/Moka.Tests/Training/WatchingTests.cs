using System.Buffers.Binary;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Text;
using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Tests.Training;

/// <summary>What a run tells those who listen.</summary>
public sealed class WatchingTests(TunedModel tuned) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>RFC 3720's vectors of CRC-32C, turned and moved as TensorFlow does, and the header of a real event file's first record.</summary>
    [Theory]
    [InlineData("0000000000000000000000000000000000000000000000000000000000000000", 0x8A9136AAu)]
    [InlineData("FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF", 0x62A8AB43u)]
    [InlineData("000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F", 0x46DD794Eu)]
    public void Checksums_are_those_of_the_standard(string bytes, uint crc)
    {
        var masked = unchecked(((crc >> 15) | (crc << 17)) + 0xA282EAD8u);
        Assert.Equal(masked, RecordLog.Checksum(Convert.FromHexString(bytes)));
        Assert.Equal(crc, Crc(Convert.FromHexString(bytes)));
    }

    [Fact]
    public void TensorBoard_gets_the_curves_of_a_run()
    {
        var steps = new List<TrainingProgress>();
        var options = tuned.FewSteps;
        (options.NumberOfSteps, options.ValidationFraction, options.ValidationInterval) = (5, 0.2, 2);
        (options.TensorBoardFolder, options.Progress) = (_folder.File("runs/one"), steps.Add);
        tuned.Pipeline(tuned.Context, options).Fit(tuned.Train).Dispose();
        tuned.Pipeline(tuned.Context, options).Fit(tuned.Train).Dispose();

        var files = Directory.GetFiles(_folder.File("runs/one")).Order(StringComparer.Ordinal).ToList();
        Assert.Equal(2, files.Count);
        Assert.All(files, file => Assert.StartsWith("events.out.tfevents.", Path.GetFileName(file), StringComparison.Ordinal));
        var events = Records(File.ReadAllBytes(files[0])).Select(Event).ToList();
        Assert.Equal("brain.Event:2", events[0].Version);
        Assert.Equal([1, 2, 3, 4, 5], events.Skip(1).Select(e => e.Step));
        foreach (var (step, (_, _, values)) in steps.Zip(events.Skip(1)))
        {
            Assert.Equal((float)step.Loss, values["train/loss"]);
            Assert.Equal(step.LearningRate, values["train/learning_rate"]);
            Assert.Equal((float)step.GradientNorm, values["train/gradient_norm"]);
            Assert.Equal((float?)step.ValidationLoss, values.TryGetValue("validation/loss", out var loss) ? loss : null);
        }
        Assert.Contains(events, e => e.Values.ContainsKey("validation/loss"));
    }

    [Fact]
    public void A_disk_that_fails_ends_the_curves_and_not_the_training()
    {
        var context = new MLContext(seed: 1);
        var warnings = new List<string>();
        context.Log += (_, e) => warnings.Add(e.RawMessage);
        var options = tuned.FewSteps;
        (options.NumberOfSteps, options.TensorBoardFolder) = (4, _folder.File("full"));
        Disk.Use(new FullDisk());
        try
        {
            tuned.Pipeline(context, options).Fit(tuned.Train).Dispose();
        }
        finally
        {
            Disk.Use(null);
        }
        Assert.Single(warnings, line => line.Contains("TensorBoardFolder gets no more curves", StringComparison.Ordinal));

        File.WriteAllText(_folder.File("file"), "");
        options.TensorBoardFolder = _folder.File("file");
        Assert.Contains(
            "TensorBoardFolder is", Assert.Throws<ArgumentException>(() => tuned.Pipeline(context, options)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_meter_and_an_activity_tell_of_each_step_and_of_the_run()
    {
        var heard = new List<(string Name, double Value)>();
        var steps = new List<TrainingProgress>();
        Activity? activity = null;
        // Other tests train at the same time.
        var thread = Environment.CurrentManagedThreadId;
        using var meters = new MeterListener
        {
            InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Meter.Name == "Microsoft.ML.Moka")
                    listener.EnableMeasurementEvents(instrument);
            },
        };
        meters.SetMeasurementEventCallback<double>((instrument, value, _, _) => Hear(instrument, value));
        meters.SetMeasurementEventCallback<long>((instrument, value, _, _) => Hear(instrument, value));
        meters.Start();
        using var activities = new ActivityListener
        {
            ShouldListenTo = source => source.Name == "Microsoft.ML.Moka",
            Sample = (ref _) => ActivitySamplingResult.AllData,
            ActivityStopped = stopped => activity = Environment.CurrentManagedThreadId == thread ? stopped : activity,
        };
        ActivitySource.AddActivityListener(activities);
        var options = tuned.FewSteps;
        (options.NumberOfSteps, options.ValidationFraction, options.Progress) = (3, 0.2, steps.Add);
        tuned.Pipeline(tuned.Context, options).Fit(tuned.Train).Dispose();

        Assert.Equal(steps.Select(step => step.Loss), Of("moka.training.loss"));
        Assert.Equal(steps.Select(step => (double)step.LearningRate), Of("moka.training.learning_rate"));
        Assert.Equal(steps.Select(step => step.GradientNorm), Of("moka.training.gradient.norm"));
        Assert.Equal(steps.Select(step => (double)step.Tokens), Of("moka.training.tokens"));
        Assert.Equal(steps.Select(step => step.Duration.TotalSeconds), Of("moka.training.step.duration"));
        Assert.Equal(steps.Where(step => step.ValidationLoss is not null).Select(step => step.ValidationLoss!.Value), Of("moka.training.validation.loss"));
        Assert.All(steps, step => Assert.True(step.Tokens > 0 && step.Duration > TimeSpan.Zero));
        Assert.Equal("moka.training", activity?.OperationName);
        Assert.Equal(ActivityStatusCode.Ok, activity!.Status);
        Assert.Equal(3, activity.GetTagItem("moka.training.steps"));

        void Hear(Instrument instrument, double value)
        {
            if (Environment.CurrentManagedThreadId == thread)
                heard.Add((instrument.Name, value));
        }

        IEnumerable<double> Of(string name) => heard.Where(measured => measured.Name == name).Select(measured => measured.Value);
    }

    // A reader of its own, by the format's description: bit by bit, and field by field.
    private static IEnumerable<byte[]> Records(byte[] file)
    {
        for (var place = 0; place < file.Length;)
        {
            var length = (int)BinaryPrimitives.ReadUInt64LittleEndian(file.AsSpan(place));
            Assert.Equal(Masked(file.AsSpan(place, 8)), BinaryPrimitives.ReadUInt32LittleEndian(file.AsSpan(place + 8)));
            Assert.Equal(Masked(file.AsSpan(place + 12, length)), BinaryPrimitives.ReadUInt32LittleEndian(file.AsSpan(place + 12 + length)));
            yield return file[(place + 12)..(place + 12 + length)];
            place += length + 16;
        }
    }

    private static uint Masked(ReadOnlySpan<byte> bytes)
    {
        var crc = Crc(bytes);
        return unchecked(((crc >> 15) | (crc << 17)) + 0xA282EAD8u);
    }

    private static uint Crc(ReadOnlySpan<byte> bytes)
    {
        var crc = uint.MaxValue;
        foreach (var value in bytes)
        {
            crc ^= value;
            for (var bit = 0; bit < 8; bit++)
                crc = (crc & 1) == 0 ? crc >> 1 : (crc >> 1) ^ 0x82F63B78u;
        }
        return ~crc;
    }

    private static (string Version, long Step, Dictionary<string, float> Values) Event(byte[] message)
    {
        var (version, step, values) = ("", 0L, new Dictionary<string, float>());
        foreach (var (field, bytes, number) in Fields(message))
        {
            if (field == 1)
                Assert.InRange(BitConverter.ToDouble(bytes), 1.7e9, 1e10);
            if (field == 2)
                step = number;
            if (field == 3)
                version = Encoding.UTF8.GetString(bytes);
            foreach (var (_, value, _) in field == 5 ? Fields(bytes) : [])
            {
                var parts = Fields(value).ToDictionary(part => part.Field, part => part.Bytes);
                values.Add(Encoding.UTF8.GetString(parts[1]), BitConverter.ToSingle(parts[2]));
            }
        }
        return (version, step, values);
    }

    private static List<(int Field, byte[] Bytes, long Number)> Fields(byte[] message)
    {
        var fields = new List<(int, byte[], long)>();
        for (var place = 0; place < message.Length;)
        {
            var tag = (int)Varint();
            var length = (tag & 7) switch { 1 => 8, 5 => 4, 2 => (int)Varint(), _ => 0 };
            var number = (tag & 7) == 0 ? Varint() : 0;
            fields.Add((tag >> 3, message[place..(place + length)], number));
            place += length;

            long Varint()
            {
                long result = 0;
                for (var shift = 0; ; shift += 7)
                {
                    var next = message[place++];
                    result |= (long)(next & 127) << shift;
                    if (next < 128)
                        return result;
                }
            }
        }
        return fields;
    }

    /// <summary>Has room for the first records of a log.</summary>
    private sealed class FullDisk : Disk
    {
        public override Stream OpenLog(string path) => new FullStream();
    }

    private sealed class FullStream : MemoryStream
    {
        private int _writes;

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            if (++_writes > 2)
                throw new IOException("No space left on device.");
        }
    }
}
