using System.Diagnostics;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace Microsoft.ML.Moka.Cli;

/// <summary>Shows how far a work is: a bar that is redrawn where somebody looks, a line now and then where nobody does.</summary>
internal sealed class ProgressDisplay
{
    private static readonly TimeSpan LineInterval = TimeSpan.FromSeconds(5);

    private readonly Action<double, string> _show;

    private ProgressDisplay(Action<double, string> show) => _show = show;

    /// <summary>Tells how far the work is.</summary>
    /// <param name="share">What is done, from 0 to 1.</param>
    /// <param name="details">What else there is to say.</param>
    public void Show(double share, string details = "") => _show(share, details);

    /// <summary>Runs a work that tells how far it is.</summary>
    /// <param name="terminal">Where it is shown.</param>
    /// <param name="title">What is done: "Training".</param>
    /// <param name="hasLines">Whether the work writes lines of its own to a log, so that none are needed here.</param>
    /// <param name="work">The work.</param>
    public static T Run<T>(Terminal terminal, string title, bool hasLines, Func<ProgressDisplay, T> work)
    {
        if (!terminal.IsLive)
            return work(hasLines ? new ProgressDisplay((_, _) => { }) : InLines(terminal, title));
        var result = default(T);
        var details = new DetailsColumn();
        var console = terminal.Live();
        terminal.Drawing = console;
        try
        {
            console.Progress().AutoClear(true)
                .Columns(new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn { Width = 20 }, new PercentageColumn(), details)
                .Start(context =>
                {
                    var task = context.AddTask(Markup.Escape(title), maxValue: 1);
                    result = work(new ProgressDisplay((share, text) =>
                    {
                        details.Line = text;
                        task.Value = share;
                    }));
                });
        }
        finally
        {
            terminal.Drawing = null;
        }
        return result!;
    }

    private static ProgressDisplay InLines(Terminal terminal, string title)
    {
        var last = Stopwatch.GetTimestamp();
        return new ProgressDisplay((share, details) =>
        {
            if (Stopwatch.GetElapsedTime(last) < LineInterval)
                return;
            last = Stopwatch.GetTimestamp();
            terminal.Error.WriteLine(FormattableString.Invariant($"{title}: {100 * share:0} %{(details.Length > 0 ? $", {details}" : "")}."));
        });
    }

    private sealed class DetailsColumn : ProgressColumn
    {
        public string Line { get; set; } = "";

        protected override bool NoWrap => true;

        public override IRenderable Render(RenderOptions options, ProgressTask task, TimeSpan deltaTime) =>
            new Spectre.Console.Text(Line) { Overflow = Overflow.Ellipsis };
    }
}
