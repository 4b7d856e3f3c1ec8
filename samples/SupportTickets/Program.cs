using System.Diagnostics;
using System.Globalization;
using SupportTickets;

if (args.Length > 0)
{
    Console.WriteLine("Usage: SupportTickets. Trains on tickets.csv, evaluates on tickets-test.csv, and asks about one ticket.");
    return args is ["--help" or "-h" or "-?"] ? 0 : 1;
}
CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;

// Ctrl+C ends training early; the best weights so far are saved.
using var stop = new CancellationTokenSource();
Console.CancelKeyPress += (_, key) =>
{
    key.Cancel = !stop.IsCancellationRequested;
    stop.Cancel();
};

var clock = Stopwatch.StartNew();
TicketModel.Train(TicketModel.MLNetModelPath, DataFile(TicketModel.RetrainFilePath), progress: progress =>
{
    if (progress.Step % 10 == 0)
        Console.WriteLine($"Step {progress.Step} of {progress.Steps}: loss {progress.SmoothedLoss:0.0000}, {progress.TimeLeft:mm\\:ss} left");
}, cancellationToken: stop.Token);
Console.WriteLine($"Trained in {clock.Elapsed.TotalSeconds:0.0} s: {TicketModel.MLNetModelPath}");

var metrics = TicketModel.Evaluate(DataFile("tickets-test.csv"));
Console.WriteLine();
Console.WriteLine("Tickets about things that no ticket of the training was about");
Console.WriteLine($"  always the most frequent workshop {100 * TicketModel.MostFrequentLabelShare(metrics),6:0.0} %");
Console.WriteLine($"  the tuned model                   {100 * metrics.MicroAccuracy,6:0.0} %");

var ticket = new TicketModel.ModelInput { Message = "Hello! I dropped the bell and now a piece is missing. Can you mend it?" };
Console.WriteLine();
Console.WriteLine($"{ticket.Message}");
Console.WriteLine($"  goes to the workshop for {TicketModel.Predict(ticket).PredictedLabel}:");
foreach (var (workshop, probability) in TicketModel.PredictAllLabels(ticket))
    Console.WriteLine($"  {workshop,-6} {100 * probability,6:0.0} %");
return 0;

static string DataFile(string name) => Path.Combine(AppContext.BaseDirectory, name);
