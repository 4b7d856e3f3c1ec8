using System.Diagnostics;
using System.Globalization;
using Microsoft.ML.Moka;

namespace RealBackbone;

/// <summary>Loss and time of each update. They are kept beside the checkpoint, so that a run that was interrupted has those of all its updates.</summary>
internal sealed class TrainingLog
{
    private readonly List<(double Loss, double Seconds)> _updates = [];
    private readonly string? _path;
    private long _last = Stopwatch.GetTimestamp();

    /// <param name="folder">Where the checkpoint is; null to keep nothing.</param>
    public TrainingLog(string? folder)
    {
        if (folder is null)
            return;
        Directory.CreateDirectory(folder);
        _path = Path.Combine(folder, "updates.txt");
        foreach (var line in File.Exists(_path) ? File.ReadAllLines(_path) : [])
        {
            // A line that was being written when the process died has no end: its update is made again.
            if (line.Split(' ') is ["", var step, var loss, var seconds, "."])
                Keep(Number(step), Number(loss), Number(seconds));
        }

        static double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);
    }

    public IReadOnlyList<double> Losses => [.. _updates.Select(update => update.Loss)];

    /// <summary>The median of the updates' times, the first apart, in which weights come into memory.</summary>
    public double? StepMilliseconds
    {
        get
        {
            List<double> times = [.. _updates.Skip(1).Select(update => 1000 * update.Seconds).Order()];
            return times.Count == 0 ? null : (times[(times.Count - 1) / 2] + times[times.Count / 2]) / 2;
        }
    }

    public double Seconds => _updates.Sum(update => update.Seconds);

    public void Add(TrainingProgress progress)
    {
        var seconds = Stopwatch.GetElapsedTime(_last).TotalSeconds;
        _last = Stopwatch.GetTimestamp();
        Keep(progress.Step, progress.Loss, seconds);
        if (_path is not null)
            File.AppendAllText(_path, string.Create(CultureInfo.InvariantCulture, $"\n {progress.Step} {progress.Loss:R} {seconds:R} ."));
    }

    /// <summary>Training goes on from its checkpoint: the updates after that are made again.</summary>
    private void Keep(double step, double loss, double seconds)
    {
        if (step <= _updates.Count)
            _updates.RemoveRange((int)step - 1, _updates.Count - (int)step + 1);
        _updates.Add((loss, seconds));
    }
}
