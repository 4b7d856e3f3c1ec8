using System.Diagnostics;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace Microsoft.ML.Moka.Cli;

/// <summary>Shows how far a work is: a bar that is redrawn where somebody looks, a line now and then where nobody does.</summary>
internal sealed class ProgressDisplay
{
    private static readonly TimeSpan FirstLine = TimeSpan.FromSeconds(2);
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

    /// <summary>
    /// Runs a work that does not tell how far it is: something moves where somebody looks, and elsewhere a line now and then says that it goes on.
    /// </summary>
    /// <param name="terminal">Where it is shown.</param>
    /// <param name="title">What is done: "Loading model.zip".</param>
    /// <param name="work">The work.</param>
    /// <param name="cancellation">Ends the wait; the work, which cannot be cancelled itself, ends with the process.</param>
    public static T Wait<T>(Terminal terminal, string title, Func<T> work, CancellationToken cancellation) =>
        Wait(terminal, title, () => Task.Run(work, CancellationToken.None).WaitAsync(cancellation).GetAwaiter().GetResult());

    /// <inheritdoc cref="Wait{T}(Terminal, string, Func{T}, CancellationToken)"/>
    public static T Wait<T>(Terminal terminal, string title, Func<T> work)
    {
        // What is shown already says enough.
        if (terminal.Drawing is not null)
            return work();
        if (!terminal.IsLive)
        {
            var clock = Stopwatch.StartNew();
            using var timer = new Timer(
                _ => terminal.Error.WriteLine(FormattableString.Invariant($"{title}: {clock.Elapsed.TotalSeconds:0} s.")), null, FirstLine, LineInterval);
            return work();
        }
        var result = default(T);
        var console = terminal.Live();
        terminal.Drawing = console;
        try
        {
            console.Status().Start(Markup.Escape(title), _ => result = work());
        }
        finally
        {
            terminal.Drawing = null;
        }
        return result!;
    }

    private static ProgressDisplay InLines(Terminal terminal, string title)
    {
        var clock = Stopwatch.StartNew();
        var next = FirstLine;
        return new ProgressDisplay((share, details) =>
        {
            if (clock.Elapsed < next)
                return;
            next = clock.Elapsed + LineInterval;
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
